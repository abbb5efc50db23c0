import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { cameraCode } from "../domain/ids";
import { ServerClock } from "./clock";
import { LiveView } from "./live-view";
import { MediaClient } from "./media-client";
import { type Browser, browser, Source, socketWay, unbrowser, Wire } from "./testing";

const camera = cameraCode("44140300001320000001");
const H264 = "avc1.42c01e";
let page: Browser;
let socket: MediaClient;
const view = (profile: "main" | "sub" | "auto" = "auto") =>
  new LiveView(socket, new ServerClock(), { camera, profile, priority: "wall" });
const opened = (tile: number, feed: number, more: { codec?: string; profile?: string; tracks?: object[] } = {}) =>
  Wire.last.say({
    type: "opened",
    tile,
    feed,
    profile: more.profile ?? "sub",
    tracks: [{ track: 0, kind: "video", codec: more.codec ?? H264, width: 640, height: 360 }, ...(more.tracks ?? [])],
  });
const openOf = () => Wire.last.sent.filter((message) => message.type === "open").at(-1);
/** Answers the newest `open`, sends a group, draws a frame. */
async function play(feed: number, more: Parameters<typeof opened>[2] = {}) {
  opened(Number(openOf()?.tile), feed, more);
  await settle();
  Wire.last.media(feed, { kind: "initialisation" });
  for (let frame = 0; frame < 10; frame++) Wire.last.media(feed, { frame });
  await settle();
  page.frame();
}
const settle = () => vi.advanceTimersByTimeAsync(1);

beforeEach(() => {
  page = browser();
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  socket = new MediaClient(socketWay, new ServerClock(), () => undefined);
});
afterEach(() => {
  socket.shutdown();
  unbrowser();
});

describe("close leaves nothing behind", () => {
  it("two hundred changes of the layout: no element, no address, no timer, no socket", async () => {
    for (let change = 0; change < 200; change++) {
      const views = Array.from({ length: 1 + (change % 4) }, () => view(change % 2 ? "main" : "sub"));
      for (const one of views) document.body.append(one.element);
      if (change === 0) Wire.last.hello();
      // Some are closed before they were answered, some while they play, some in the middle of a switch.
      if (change % 3 > 0) await play(change + 1);
      if (change % 3 === 2) {
        views[0]?.wish(change % 2 ? "sub" : "main");
        opened(Number(openOf()?.tile), 10_000 + change);
        await settle();
      }
      for (const one of views) {
        one.close();
        one.close();
      }
    }
    expect(Source.made.length).toBeGreaterThan(100);
    expect(document.querySelectorAll("video, .live-view")).toHaveLength(0);
    expect(page.urls.size).toBe(0);
    expect(page.waiting.size).toBe(0);
    expect(Wire.made).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(Wire.open).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });
  it("also while it waits to try again", async () => {
    const one = view();
    Wire.last.hello();
    Wire.last.say({ type: "refused", tile: 1, reason: { code: "link-budget", text: "" } });
    one.close();
    await vi.advanceTimersByTimeAsync(120_000);
    expect(vi.getTimerCount()).toBe(0);
    expect(Wire.last.sent.filter((message) => message.type === "open")).toHaveLength(1);
  });
});

describe("a picture", () => {
  it("is live with its first frame, and stays while the other profile comes", async () => {
    const one = view();
    Wire.last.hello();
    await play(1);
    expect(one.state.value.kind).toBe("live");
    const first = one.video;
    one.wish("main");
    expect(Wire.last.sent.at(-1)).toMatchObject({ type: "size", width: 3840, height: 2160 });
    opened(1, 2, { profile: "main" });
    await settle();
    expect(one.video).toBe(first);
    expect(one.state.value.kind).toBe("live");
    await play(2, { profile: "main" });
    expect(one.video).not.toBe(first);
    expect(one.element.querySelectorAll("video")).toHaveLength(1);
    one.close();
  });
  it("of a main stream that cannot be decoded gives way to the sub stream", async () => {
    const one = view("main");
    Wire.last.hello();
    opened(1, 1, { codec: "hvc1.1.6.L120", profile: "main" });
    expect(Wire.last.sent.at(-1)).toMatchObject({ type: "profile", profile: "sub" });
    await play(2);
    expect(one.state.value.kind).toBe("live");
    one.close();
  });
});

describe("a page that nobody sees", () => {
  it("stays paused though frames are still drawn, also over a reconnect, and goes on by itself", async () => {
    const one = view();
    Wire.last.hello();
    await play(1);
    one.pause();
    Wire.last.say({ type: "paused", tile: 1 });
    page.frame();
    expect(one.state.value.kind).toBe("paused");
    Wire.last.cut();
    while (Wire.open === 0) await vi.advanceTimersByTimeAsync(100);
    Wire.last.hello();
    opened(1, 2);
    expect(Wire.last.types()).toEqual(["open 1", "pause 1"]);
    one.resume();
    expect(Wire.last.types().at(-1)).toBe("resume 1");
    await play(2);
    expect(one.state.value.kind).toBe("live");
    one.close();
  });
});

describe("stills as the last resort", () => {
  it("for a codec that cannot be played, with the better way tried again", async () => {
    const one = view();
    Wire.last.hello();
    opened(1, 1, { codec: "hvc1.1.6.L120" });
    expect(one.state.value).toEqual({ kind: "stills", why: "codec", codec: "hvc1.1.6.L120" });
    expect(Wire.last.types()).toContain("pause 1");
    await vi.advanceTimersByTimeAsync(121_000);
    await play(2);
    expect(one.state.value.kind).toBe("live");
    one.close();
  });
  it("for a camera that the gateway refuses because of its codec: never black, in words, tried again", async () => {
    const one = view();
    Wire.last.hello();
    expect(openOf()).toMatchObject({ decodes: ["h264", "aac"] });
    Wire.last.say({ type: "refused", tile: 1, reason: { code: "codec", text: "H.265" } });
    expect(one.state.value).toMatchObject({ kind: "stills", why: "codec" });
    expect(one.element.querySelector("img")?.src).toContain("snapshot.jpg");
    await vi.advanceTimersByTimeAsync(121_000);
    // With nothing open the connection went away meanwhile.
    Wire.last.hello();
    await play(2);
    expect(one.state.value.kind).toBe("live");
    one.close();
  });
  it("and why it is this stream is said", async () => {
    const one = view();
    Wire.last.hello();
    Wire.last.say({
      type: "opened",
      tile: 1,
      feed: 1,
      profile: "sub",
      tracks: [{ track: 0, kind: "video", codec: H264 }],
      auto: "capacity",
    });
    expect(one.chosen.value).toEqual({ auto: "capacity", transcoded: false });
    Wire.last.say({
      type: "opened",
      tile: 1,
      feed: 2,
      profile: "main",
      tracks: [{ track: 0, kind: "video", codec: H264 }],
      auto: "codec",
      transcoded: true,
    });
    expect(one.chosen.value).toEqual({ auto: "codec", transcoded: true });
    one.close();
  });
  it("for a decoder that gives up three times", async () => {
    const one = view();
    Wire.last.hello();
    for (let attempt = 0; attempt < 3; attempt++) {
      opened(Number(openOf()?.tile), attempt + 1);
      await settle();
      const buffer = Source.made.at(-1)?.buffers[0];
      if (buffer) buffer.fails = new Error("decode");
      Wire.last.media(attempt + 1, { kind: "initialisation" });
      await settle();
      if (attempt < 2) {
        expect(one.state.value.kind).toBe("connecting");
        await vi.advanceTimersByTimeAsync(5000);
      }
    }
    expect(one.state.value).toMatchObject({ kind: "stills", why: "decoder" });
    await vi.advanceTimersByTimeAsync(121_000);
    await play(9);
    expect(one.state.value.kind).toBe("live");
    one.close();
  });
  it("where the connection does not come back, until it does", async () => {
    const one = view();
    Wire.last.hello();
    await play(1);
    Wire.last.cut();
    expect(one.state.value.kind).toBe("reconnecting");
    await vi.advanceTimersByTimeAsync(9000);
    expect(one.state.value).toMatchObject({ kind: "stills", why: "connection" });
    const first = one.element.querySelector("img")?.src;
    one.element.querySelector("img")?.dispatchEvent(new Event("load"));
    await vi.advanceTimersByTimeAsync(1100);
    expect(one.element.querySelector("img")?.src).not.toBe(first);
    while (Wire.open === 0) await vi.advanceTimersByTimeAsync(1000);
    Wire.last.hello();
    await play(2);
    expect(one.state.value.kind).toBe("live");
    one.close();
  });
  it("a still that does not come is not asked for again and again", async () => {
    const one = view();
    Wire.last.hello();
    opened(1, 1, { codec: "hvc1.1.6.L120" });
    const set = vi.spyOn(HTMLImageElement.prototype, "src", "set");
    await vi.advanceTimersByTimeAsync(5000);
    expect(set).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(set).toHaveBeenCalledOnce();
    one.close();
  });
});

describe("sound", () => {
  const AAC = { track: 1, kind: "audio", codec: "mp4a.40.2", rate: 16_000, channels: 1 };
  it("is not asked for until someone listens; the picture stays meanwhile", async () => {
    const one = view();
    Wire.last.hello();
    expect(openOf()).toMatchObject({ audio: false });
    await play(1);
    const picture = one.video;
    one.listen(true);
    await settle();
    expect(openOf()).toMatchObject({ audio: true, profile: "auto", decodes: ["h264", "aac"] });
    expect(one.video).toBe(picture);
    await play(2, { tracks: [AAC] });
    expect(one.sound.value).toBe("on");
    expect(
      Source.made
        .at(-1)
        ?.types.concat(Source.made.at(-2)?.types ?? [])
        .sort(),
    ).toEqual(['audio/mp4; codecs="mp4a.40.2"', `video/mp4; codecs="${H264}"`]);
    one.listen(false);
    await settle();
    expect(openOf()).toMatchObject({ audio: false });
    one.close();
    expect(page.urls.size).toBe(0);
  });
  it("that is not there, or that cannot be played, is said", async () => {
    const one = view();
    Wire.last.hello();
    one.listen(true);
    await settle();
    // Not even G.711, which this page would decode itself?
    opened(Number(openOf()?.tile), 1);
    await settle();
    expect(openOf()).toMatchObject({ audio: true, decodes: ["h264", "aac", "g711"] });
    await play(1);
    expect(one.sound.value).toBe("none");
    await play(2, { tracks: [{ ...AAC, codec: "opus" }] });
    expect(one.sound.value).toBe("unplayable");
    expect(one.state.value.kind).toBe("live");
    one.close();
  });
});
