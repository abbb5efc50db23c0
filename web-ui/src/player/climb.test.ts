import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { cameraCode } from "../domain/ids";
import { ServerClock } from "./clock";
import { CLOSED } from "./line";
import { MediaClient, READY_MS, type TileSignal } from "./media-client";
import { FakeLine, fakeWays } from "./testing";

const request = { camera: cameraCode("44140300001320000001"), profile: "auto", priority: "wall" } as const;
let client: MediaClient;
let heard: TileSignal[];
const hear = (signal: TileSignal) => void heard.push(signal);
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
/** Group and frame of the media that was heard. */
const media = () =>
  heard.flatMap((one) =>
    one.type === "media" && one.message.kind !== "initialisation" ? [`${one.message.group}.${one.message.frame}`] : [],
  );
const open = () => FakeLine.made.filter((line) => line.open);

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  vi.spyOn(Math, "random").mockReturnValue(1);
  FakeLine.made = [];
  heard = [];
  client = new MediaClient(fakeWays(), new ServerClock(), () => undefined);
});
afterEach(() => {
  client.shutdown();
  expect(open()).toHaveLength(0);
  expect(vi.getTimerCount()).toBe(0);
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** A page that plays tile 1, feed 7, on a WebSocket because UDP gave no answer. */
async function blocked() {
  const tile = client.open(request, hear);
  await pass(READY_MS);
  const line = FakeLine.last;
  expect(line.kind).toBe("websocket");
  line.hello();
  line.opened(tile, 7);
  line.media(7, 1, 0, { kind: "initialisation" });
  for (let frame = 0; frame < 5; frame++) line.media(7, 1, frame);
  return { tile, line };
}
/** The line that is made to climb, once its time has come. */
async function climbing() {
  while (FakeLine.of("webtransport").length < 2) {
    await pass(1000);
    FakeLine.of("websocket").at(-1)?.say({ type: "back", tile: 99 });
  }
  return FakeLine.last;
}

describe("the way that is taken", () => {
  it("is WebTransport where it answers", async () => {
    client.open(request, hear);
    expect(FakeLine.last.kind).toBe("webtransport");
    FakeLine.last.hello();
    expect(client.kind.value).toBe("webtransport");
    await pass(60_000);
    expect(FakeLine.made).toHaveLength(1);
  });
  it("is WebSocket after three seconds without an answer, and the tiles hear of no loss", async () => {
    await blocked();
    expect(client.kind.value).toBe("websocket");
    expect(client.why.value).toContain("3000");
    expect(heard.map((one) => one.type)).not.toContain("disconnected");
    expect(FakeLine.made[0]?.open).toBe(false);
  });
  it("is WebSocket for good where the page has no other", async () => {
    client.shutdown();
    client = new MediaClient(fakeWays(false), new ServerClock(), () => undefined);
    client.open(request, hear);
    FakeLine.last.hello();
    dispatchEvent(new Event("online"));
    await pass(10_000);
    expect(FakeLine.made.map((line) => line.kind)).toEqual(["websocket"]);
  });
  it("is WebSocket at once where the gateway has no UDP, and it is asked again rarely", async () => {
    client.open(request, hear);
    FakeLine.last.cut(CLOSED.none, "no WebTransport");
    expect(FakeLine.last.kind).toBe("websocket");
    FakeLine.last.hello();
    await pass(299_000);
    expect(FakeLine.of("webtransport")).toHaveLength(1);
    await pass(1000);
    expect(FakeLine.of("webtransport")).toHaveLength(2);
  });
  it("falls back at once when WebTransport dies, and picks up what is wanted", async () => {
    const tile = client.open(request, hear);
    FakeLine.last.hello();
    FakeLine.last.cut();
    expect(heard.at(-1)?.type).toBe("disconnected");
    expect(FakeLine.last.kind).toBe("websocket");
    FakeLine.last.hello();
    expect(FakeLine.last.types()).toEqual([`open ${tile}`]);
  });
  it("is WebTransport again after the gateway was restarted", async () => {
    client.open(request, hear);
    FakeLine.last.hello();
    FakeLine.last.cut(CLOSED.leaving);
    await pass(1000);
    expect(FakeLine.made.map((line) => line.kind)).toEqual(["webtransport", "webtransport"]);
  });
  it("waits longer and longer for UDP, at most five minutes", async () => {
    await blocked();
    const tries: number[] = [];
    const start = performance.now();
    for (let seen = 1; performance.now() - start < 1_800_000; ) {
      await pass(1000);
      FakeLine.of("websocket")[0]?.say({ type: "back", tile: 99 });
      const made = FakeLine.of("webtransport");
      if (made.length === seen) continue;
      seen = made.length;
      tries.push(Math.round((performance.now() - start) / 1000));
      made.at(-1)?.cut();
    }
    const waits = tries.slice(1).map((at, i) => at - (tries[i] as number));
    expect(tries[0]).toBe(30);
    expect(waits.slice(0, 5)).toEqual([60, 120, 240, 300, 300]);
    expect(client.kind.value).toBe("websocket");
    expect(heard.map((one) => one.type)).not.toContain("disconnected");
  });
});

describe("climbing back", () => {
  it("goes on with the very next frame: no gap, none twice, no word to the tile", async () => {
    const { tile, line } = await blocked();
    const next = await climbing();
    heard = [];
    line.media(7, 1, 5);
    next.hello();
    expect(next.types()).toEqual([`open ${tile}`]);
    next.opened(tile, 7);
    next.media(7, 1, 0, { kind: "initialisation" });
    for (let frame = 0; frame < 5; frame++) next.media(7, 1, frame);
    // The old one goes on until the new one is level with it.
    line.media(7, 1, 6);
    expect(client.kind.value).toBe("websocket");
    for (let frame = 5; frame < 10; frame++) next.media(7, 1, frame);
    expect(client.kind.value).toBe("webtransport");
    expect(line.open).toBe(false);
    expect(media()).toEqual(["1.5", "1.6", "1.7", "1.8", "1.9"]);
    expect(new Set(heard.map((one) => one.type))).toEqual(new Set(["media"]));
    client.close(tile);
    expect(next.types().at(-1)).toBe(`close ${tile}`);
  });
  it("with another feed there waits for its key frame, then says so", async () => {
    const { tile, line } = await blocked();
    const next = await climbing();
    heard = [];
    next.hello();
    next.opened(tile, 8, { profile: "main" });
    next.media(8, 4, 0, { kind: "initialisation" });
    line.media(7, 1, 5);
    next.media(8, 4, 0);
    line.media(7, 1, 6);
    next.media(8, 4, 1);
    expect(heard.map((one) => one.type)).toEqual(["media", "opened", "media", "media", "media"]);
    expect(media()).toEqual(["1.5", "4.0", "4.1"]);
  });
  it("that fails half way leaves the old way as it was", async () => {
    const { tile, line } = await blocked();
    const other = client.open(request, () => undefined);
    line.opened(other, 9);
    line.media(9, 1, 0);
    const next = await climbing();
    next.hello();
    next.opened(tile, 7);
    for (let frame = 0; frame < 8; frame++) next.media(7, 1, frame);
    next.cut();
    heard = [];
    // The tile that had gone over is asked for anew on the old line, the other one never left it.
    expect(line.types().at(-1)).toBe(`open ${tile}`);
    expect(line.types().filter((one) => one === `open ${other}`)).toHaveLength(1);
    line.opened(tile, 7);
    line.media(7, 2, 0);
    expect(media()).toEqual(["2.0"]);
    expect(client.kind.value).toBe("websocket");
  });
  it("takes along paused tiles, and those that are closed or opened meanwhile", async () => {
    const { tile, line } = await blocked();
    client.pause(tile);
    const shut = client.open(request, () => undefined);
    line.opened(shut, 9);
    const next = await climbing();
    next.hello();
    client.close(shut);
    const fresh = client.open(request, () => undefined);
    expect(next.types()).toEqual([`open ${tile}`, `pause ${tile}`, `open ${shut}`, `close ${shut}`, `open ${fresh}`]);
    expect(line.types()).not.toContain(`open ${fresh}`);
    next.opened(tile, 7);
    next.say({ type: "paused", tile });
    expect(client.kind.value).toBe("webtransport");
    expect(line.open).toBe(false);
    client.resume(tile);
    expect(next.types().at(-1)).toBe(`resume ${tile}`);
  });
  it("that brings no picture is given up", async () => {
    const { line } = await blocked();
    const next = await climbing();
    next.hello();
    for (let n = 0; n < 20; n++) {
      await pass(1000);
      line.media(7, 1, 10 + n);
    }
    expect(next.open).toBe(false);
    expect(client.kind.value).toBe("websocket");
    expect(client.why.value).toContain("no picture");
  });
  it("is tried at once when the network changes", async () => {
    await blocked();
    dispatchEvent(new Event("online"));
    expect(FakeLine.last.kind).toBe("webtransport");
  });
  it("a gateway that goes while it climbs loses neither tile nor way", async () => {
    const { tile, line } = await blocked();
    const next = await climbing();
    next.hello();
    next.opened(tile, 7);
    line.cut();
    expect(client.kind.value).toBe("webtransport");
    heard = [];
    next.media(7, 2, 0);
    expect(media()).toEqual(["2.0"]);
  });
});

describe("a WebTransport that is silent", () => {
  it("gets a WebSocket beside it, which takes over", async () => {
    const tile = client.open(request, hear);
    const line = FakeLine.last;
    line.hello();
    line.opened(tile, 7);
    line.media(7, 1, 0);
    line.answers = false;
    await pass(12_000);
    const next = FakeLine.last;
    expect(next.kind).toBe("websocket");
    expect(heard.map((one) => one.type)).not.toContain("disconnected");
    next.hello();
    next.opened(tile, 7);
    next.media(7, 2, 0);
    expect(client.kind.value).toBe("websocket");
    expect(line.open).toBe(false);
    expect(media()).toEqual(["1.0", "2.0"]);
    expect(heard.map((one) => one.type)).not.toContain("disconnected");
  });
  it("that speaks again is kept", async () => {
    const tile = client.open(request, hear);
    const line = FakeLine.last;
    line.hello();
    line.opened(tile, 7);
    line.answers = false;
    await pass(12_000);
    expect(open()).toHaveLength(2);
    line.answers = true;
    line.media(7, 1, 0);
    await pass(2000);
    expect(open()).toEqual([line]);
    expect(client.kind.value).toBe("webtransport");
  });
});

describe("what the gateway measures", () => {
  it("is asked for while somebody looks, also on the next connection", async () => {
    client.open(request, hear);
    FakeLine.last.hello();
    client.measure(true);
    client.measure(true);
    const asked = () => FakeLine.last.sent.filter((one) => one.type === "measure");
    expect(asked()).toEqual([{ type: "measure", every_ms: 1000 }]);
    FakeLine.last.say({ type: "measured", rate_bps: 5, delay_ms: 12, rtt_ms: null, congested: true });
    expect(client.measured.value).toEqual({ rateBps: 5, delayMs: 12, roundTripMs: null, congested: true });
    FakeLine.last.cut();
    FakeLine.last.hello();
    expect(asked()).toHaveLength(1);
    client.measure(false);
    client.measure(false);
    expect(asked().at(-1)).toEqual({ type: "measure", every_ms: 0 });
    expect(client.measured.value).toBeNull();
  });
});
