import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { feedId, mediaTicks, utcMicros } from "../domain/ids";
import type { MediaMessage } from "../wire/media";
import { CodecPlayer } from "./codec-player";
import { browser, Decoder, unbrowser, webCodecs } from "./testing";

const message = (frame: number, more: Partial<MediaMessage> = {}): MediaMessage => ({
  kind: "access-unit",
  key: frame % 50 === 0,
  discontinuity: false,
  lastOfGroup: false,
  track: 0,
  feed: feedId(1),
  group: Math.floor(frame / 50),
  frame: frame % 50,
  mediaTime: mediaTicks(frame * 3600),
  captureTime: utcMicros(1e15 + frame),
  payload: new Uint8Array([1]),
  ...more,
});
const head = (byte = 9) => message(0, { kind: "initialisation", payload: new Uint8Array([byte]) });
const events = () => ({ onFrame: vi.fn(), onError: vi.fn() });
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => {
  browser();
  webCodecs();
});
afterEach(() => {
  expect(Decoder.frames).toBe(0);
  expect(Decoder.open).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
  unbrowser();
});

describe("pictures by WebCodecs", () => {
  it("begin with the first key frame, by the configuration that came before it", async () => {
    const told = events();
    const player = new CodecPlayer("avc1.640028", told);
    player.push(message(3));
    player.push(head());
    player.push(message(4));
    player.push(message(50));
    player.push(message(51));
    await pass(500);
    expect(Decoder.last.configured).toMatchObject([{ codec: "avc1.640028", description: new Uint8Array([9]) }]);
    expect(Decoder.last.decoded.map((one) => [one.type, one.timestamp])).toEqual([
      ["key", 2_000_000],
      ["delta", 2_040_000],
    ]);
    expect(told.onFrame.mock.calls).toEqual([[1e15 + 50], [1e15 + 51]]);
    expect([player.width, player.height]).toEqual([1920, 1080]);
    player.close();
    player.close();
  });
  it("are configured anew by a new configuration only", async () => {
    const player = new CodecPlayer("avc1.640028", events());
    player.push(head());
    player.push(message(0));
    player.push(head());
    player.push(message(1));
    player.push(head(7));
    player.push(message(50));
    await pass(3000);
    expect(Decoder.last.configured).toHaveLength(2);
    expect(Decoder.last.decoded).toHaveLength(3);
    player.close();
  });
  it("come when they are due, not in bursts", async () => {
    const told = events();
    const player = new CodecPlayer("avc1.640028", told);
    player.push(head());
    for (let frame = 0; frame < 25; frame++) {
      player.push(message(frame));
      await pass(40);
    }
    const shown = told.onFrame.mock.calls.length;
    expect(shown).toBeGreaterThan(22);
    // Three at once: the line was uneven.
    for (let frame = 25; frame < 28; frame++) player.push(message(frame));
    expect(told.onFrame.mock.calls.length).toBeLessThan(shown + 3);
    await pass(300);
    expect(told.onFrame).toHaveBeenCalledTimes(28);
    player.close();
  });
  it("that stay are decoded on, so that going on needs no key frame", async () => {
    const told = events();
    const player = new CodecPlayer("avc1.640028", told);
    player.push(head());
    player.push(message(0));
    await pass(100);
    player.freeze(true);
    for (let frame = 1; frame < 4; frame++) player.push(message(frame));
    await pass(500);
    expect(told.onFrame).toHaveBeenCalledOnce();
    player.freeze(false);
    player.push(message(4));
    await pass(500);
    expect(Decoder.last.decoded).toHaveLength(5);
    expect(told.onFrame).toHaveBeenCalledTimes(2);
    player.close();
  });
  it("a decoder that cannot follow skips to the newest key frame, and memory is bounded", async () => {
    const told = events();
    const player = new CodecPlayer("avc1.640028", told);
    player.push(head());
    player.push(message(0));
    await pass(100);
    Decoder.last.slow = true;
    for (let frame = 1; frame < 120; frame++) {
      player.push(message(frame));
      await pass(40);
    }
    expect(Decoder.last.decodeQueueSize).toBeLessThanOrEqual(2);
    // Each jump begins at a key frame, and what waited in the decoder went as well.
    expect(player.dropped).toBeGreaterThan(40);
    expect(Decoder.last.configured.length).toBeGreaterThan(1);
    Decoder.last.slow = false;
    Decoder.last.decodeQueueSize = 0;
    Decoder.last.ondequeue?.();
    await pass(1000);
    const { decoded } = Decoder.last;
    decoded.forEach((one, i) => {
      const before = decoded[i - 1];
      if (before && one.timestamp - before.timestamp > 40_000) expect(one.type).toBe("key");
    });
    expect(decoded.at(-1)?.timestamp).toBe(119 * 40_000);
    player.close();
  });
  it("an error is told once, and the last picture stays", async () => {
    const told = events();
    const player = new CodecPlayer("avc1.640028", told);
    document.body.append(player.element);
    player.push(head());
    player.push(message(0));
    await pass(100);
    Decoder.last.events.error(new Error("no hardware"));
    player.push(message(1));
    await pass(500);
    expect(told.onError.mock.calls).toEqual([["Error: no hardware"]]);
    expect(player.element.width).toBe(1920);
    player.close();
    expect(document.querySelector("canvas")).toBeNull();
    expect(player.element.width).toBe(0);
  });
});
