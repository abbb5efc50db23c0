/** A live view whose line is WebTransport: WebCodecs for the tile that is looked at, and the way back. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { cameraCode } from "../domain/ids";
import { ServerClock } from "./clock";
import { decodable, forgetDecodable } from "./codecs";
import { LiveView } from "./live-view";
import { MediaClient } from "./media-client";
import { type Browser, browser, Decoder, FakeLine, fakeWays, INIT, unbrowser, webCodecs } from "./testing";

const camera = cameraCode("44140300001320000001");
let page: Browser;
let client: MediaClient;
const settle = () => vi.advanceTimersByTimeAsync(1);
const opens = () => FakeLine.last.sent.filter((one) => one.type === "open");
const last = () => opens().at(-1) as unknown as { tile: number; format: string };
const refuse = (code: string) => FakeLine.last.say({ type: "refused", tile: last().tile, reason: { code, text: "" } });
const shown = (view: LiveView) => view.element.querySelectorAll("video, canvas").length;
async function play(feed: number) {
  FakeLine.last.opened(last().tile, feed);
  await settle();
  const kind = last().format === "raw" ? "access-unit" : "fragment";
  const payload = last().format === "raw" ? new Uint8Array([9]) : INIT;
  FakeLine.last.media(feed, 1, 0, { kind: "initialisation", payload });
  for (let frame = 0; frame < 10; frame++) FakeLine.last.media(feed, 1, frame, { kind });
  await vi.advanceTimersByTimeAsync(500);
  page.frame();
}
async function looked(): Promise<LiveView> {
  const view = new LiveView(client, new ServerClock(), { camera, profile: "auto", priority: "wall" });
  FakeLine.last.hello();
  await play(1);
  expect(view.player.value).toBe("fmp4");
  view.wish("main");
  return view;
}

beforeEach(async () => {
  page = browser();
  webCodecs();
  forgetDecodable();
  decodable();
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  await settle();
  FakeLine.made = [];
  client = new MediaClient(fakeWays(), new ServerClock(), () => undefined);
});
afterEach(() => {
  client.shutdown();
  expect(Decoder.open).toBe(0);
  expect(Decoder.frames).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
  expect(page.urls.size).toBe(0);
  forgetDecodable();
  unbrowser();
});

describe("the tile that is looked at", () => {
  it("goes over to WebCodecs with its first picture, and back the same way", async () => {
    const view = await looked();
    expect(last()).toMatchObject({ format: "raw", profile: "auto", width: 3840, decodes: ["h264", "g711"] });
    const before = view.video;
    FakeLine.last.opened(last().tile, 2);
    await settle();
    expect(view.video).toBe(before);
    await play(2);
    expect(view.player.value).toBe("raw");
    expect(view.video?.tagName).toBe("CANVAS");
    expect(shown(view)).toBe(1);
    expect(FakeLine.last.types()).toContain("close 1");
    view.wish("auto");
    expect(last().format).toBe("fmp4");
    expect(view.video?.tagName).toBe("CANVAS");
    await play(3);
    expect(view.player.value).toBe("fmp4");
    expect(view.video?.tagName).toBe("VIDEO");
    view.close();
  });
  it("stays with MSE over WebSocket, and where the browser has no WebCodecs", async () => {
    Decoder.supports = () => false;
    forgetDecodable();
    decodable();
    await settle();
    const view = await looked();
    expect(opens()).toHaveLength(1);
    expect(FakeLine.last.sent.at(-1)).toMatchObject({ type: "size", width: 3840 });
    view.close();
  });
  it("whose stream is the one it shows already lets go of it first; its picture stays", async () => {
    const view = await looked();
    refuse("already-open");
    expect(FakeLine.last.types().slice(-3)).toEqual(["close 1", "close 2", "open 3"]);
    expect(shown(view)).toBe(1);
    await play(1);
    expect(view.player.value).toBe("raw");
    view.close();
  });
  it("that is refused twice goes on by MSE, and the reason is kept", async () => {
    const view = await looked();
    refuse("already-open");
    refuse("already-open");
    await vi.advanceTimersByTimeAsync(1000);
    expect(last().format).toBe("fmp4");
    await play(1);
    expect(view.player.value).toBe("fmp4");
    await vi.advanceTimersByTimeAsync(1000);
    expect(view.figures.value?.why).toBe("already-open");
    view.close();
  });
  it("whose decoder gives up falls back to MSE by itself, and tries again later", async () => {
    const view = await looked();
    await play(2);
    Decoder.last.events.error(new Error("no hardware"));
    expect(shown(view)).toBe(1);
    expect(view.state.value.kind).toBe("live");
    expect(last().format).toBe("fmp4");
    await play(3);
    expect(view.player.value).toBe("fmp4");
    await vi.advanceTimersByTimeAsync(1000);
    expect(view.figures.value?.why).toBe("Error: no hardware");
    for (let s = 0; s < 125 && last().format === "fmp4"; s++) {
      await vi.advanceTimersByTimeAsync(1000);
      FakeLine.last.media(3, 2, s + 1);
      page.frame();
    }
    expect(last().format).toBe("raw");
    await play(4);
    expect(view.player.value).toBe("raw");
    view.close();
  });
  it("whose line falls back to WebSocket goes on by MSE, its last picture standing meanwhile", async () => {
    const view = await looked();
    await play(2);
    FakeLine.last.cut();
    expect(shown(view)).toBe(1);
    FakeLine.last.hello();
    expect(FakeLine.last.kind).toBe("websocket");
    expect(last().format).toBe("fmp4");
    await play(5);
    expect(view.player.value).toBe("fmp4");
    expect(view.state.value.kind).toBe("live");
    view.close();
  });
});

describe("a thousand changes of what is looked at", () => {
  it("leave no decoder, no frame, no element, no tile", async () => {
    const first = new LiveView(client, new ServerClock(), { camera, profile: "auto", priority: "wall" });
    FakeLine.last.hello();
    first.close();
    for (let change = 0; change < 1000; change++) {
      const view = new LiveView(client, new ServerClock(), { camera, profile: "auto", priority: "wall" });
      if (change % 3 > 0) await play(change + 1);
      view.wish("main");
      if (change % 3 === 2) await play(change + 10_000);
      view.close();
    }
    const open = new Set<unknown>();
    for (const one of FakeLine.last.sent) {
      if (one.type === "open") open.add(one.tile);
      if (one.type === "close") open.delete(one.tile);
    }
    expect(open.size).toBe(0);
    expect(Decoder.made.length).toBeGreaterThan(300);
    expect(document.querySelectorAll("video, canvas")).toHaveLength(0);
  });
});
