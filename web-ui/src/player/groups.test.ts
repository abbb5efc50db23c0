import { describe, expect, it } from "vitest";
import { feedId, mediaTicks, monoMillis, utcMicros } from "../domain/ids";
import type { MediaMessage } from "../wire/media";
import { GroupOrder, MOST_MESSAGE_BYTES, Splitter } from "./groups";

const FEED = feedId(7);
const message = (group: number, frame: number, more: Partial<MediaMessage> = {}): MediaMessage => ({
  kind: "fragment",
  key: frame === 0,
  discontinuity: false,
  lastOfGroup: false,
  track: 0,
  feed: FEED,
  group,
  frame,
  mediaTime: mediaTicks(0),
  captureTime: utcMicros(0),
  payload: new Uint8Array(1),
  ...more,
});
const at = (ms: number) => monoMillis(ms);
const names = (messages: MediaMessage[]) => messages.map((one) => `${one.group}.${one.frame}`);

describe("a stream is cut into messages", () => {
  const stream = (...lengths: number[]) => {
    const bytes: number[] = [];
    for (const [i, length] of lengths.entries()) {
      bytes.push(0, 0, length >> 8, length & 255, ...Array.from({ length }, () => i));
    }
    return Uint8Array.from(bytes);
  };
  it("however it was cut on its way", () => {
    const bytes = stream(3, 300, 1, 70);
    for (let step = 1; step < 90; step++) {
      const splitter = new Splitter();
      const out: ArrayBuffer[] = [];
      for (let from = 0; from < bytes.length; from += step) {
        const messages = splitter.push(bytes.subarray(from, from + step));
        if (typeof messages === "string") throw new Error(messages);
        out.push(...messages);
      }
      expect(out.map((one) => one.byteLength)).toEqual([3, 300, 1, 70]);
      expect(new Uint8Array(out[3] as ArrayBuffer).every((byte) => byte === 3)).toBe(true);
    }
  });
  it("a length that cannot be is refused before anything is made for it", () => {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, MOST_MESSAGE_BYTES + 1);
    expect(new Splitter().push(bytes)).toContain(String(MOST_MESSAGE_BYTES + 1));
    expect(new Splitter().push(new Uint8Array(4))).toBe("a message of 0 bytes");
  });
});

describe("groups in order", () => {
  it("go out as they come, a newer one once the older has ended", () => {
    const order = new GroupOrder(1500);
    expect(names(order.media(at(0), message(3, 0)))).toEqual(["3.0"]);
    expect(names(order.media(at(1), message(4, 0)))).toEqual([]);
    expect(names(order.media(at(2), message(3, 1)))).toEqual(["3.1"]);
    expect(names(order.media(at(3), message(4, 1)))).toEqual([]);
    expect(names(order.ended(at(4), FEED, 0, 3))).toEqual(["4.0", "4.1"]);
    expect(names(order.media(at(5), message(4, 2)))).toEqual(["4.2"]);
    expect(names(order.media(at(6), message(3, 2)))).toEqual([]);
  });
  it("of another track or feed have nothing to do with it", () => {
    const order = new GroupOrder(1500);
    order.media(at(0), message(3, 0));
    expect(names(order.media(at(0), message(9, 0, { track: 1 })))).toEqual(["9.0"]);
    expect(names(order.media(at(0), message(1, 0, { feed: feedId(8) })))).toEqual(["1.0"]);
    order.forget(FEED);
    expect(order.size).toBe(1);
  });
  it("an older one that does not end is given up after a while, and stays given up", () => {
    const order = new GroupOrder(1500);
    order.media(at(0), message(3, 0));
    order.media(at(100), message(4, 0));
    order.media(at(200), message(5, 0));
    expect(names(order.late(at(1599)))).toEqual([]);
    expect(names(order.late(at(1600)))).toEqual(["4.0"]);
    expect(names(order.late(at(1700)))).toEqual(["5.0"]);
    expect(names(order.media(at(1701), message(3, 9)))).toEqual([]);
    expect(names(order.media(at(1702), message(5, 1)))).toEqual(["5.1"]);
  });
  it("what is held is bounded in bytes", () => {
    const order = new GroupOrder(1e9);
    order.media(at(0), message(3, 0));
    const big = new Uint8Array(1024 * 1024);
    let out: MediaMessage[] = [];
    for (let frame = 0; frame < 5; frame++) out = out.concat(order.media(at(1), message(4, frame, { payload: big })));
    expect(names(out)).toEqual(["4.0", "4.1", "4.2", "4.3", "4.4"]);
  });
  it("a group that comes again after a pause goes on", () => {
    const order = new GroupOrder(1500);
    order.media(at(0), message(3, 0));
    order.ended(at(1), FEED, 0, 3);
    expect(names(order.media(at(2), message(3, 0)))).toEqual(["3.0"]);
  });
  it("streams in any order: what goes out is in order, and nothing twice", () => {
    let seed = 5;
    const random = (most: number) => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % most;
    };
    for (let round = 0; round < 200; round++) {
      const order = new GroupOrder(1500);
      const streams = Array.from({ length: 4 }, (_, group) =>
        Array.from({ length: 5 }, (_, frame) => message(group, frame)),
      );
      const out: string[] = [...names(order.media(at(0), streams[0]?.shift() as MediaMessage))];
      while (streams.some((stream) => stream.length > 0)) {
        const group = random(4);
        const next = streams[group]?.shift();
        if (!next) continue;
        out.push(...names(order.media(at(1), next)));
        if (streams[group]?.length === 0) out.push(...names(order.ended(at(1), FEED, 0, group)));
      }
      const sorted = out.slice().sort();
      expect(out).toEqual(sorted);
      expect(new Set(out).size).toBe(out.length);
      expect(out.slice(0, 5)).toEqual(["0.0", "0.1", "0.2", "0.3", "0.4"]);
      expect(out.at(-1)).toBe("3.4");
    }
  });
});
