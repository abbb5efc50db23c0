import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { feedId, mediaTicks, utcMicros } from "../domain/ids";
import { decodeMedia, encodeHeader, HEADER_BYTES, type MediaHeader } from "./media";

interface Vector {
  name: string;
  header: Record<"version" | "kind" | "flags" | "track" | "feed" | "group" | "frame", number> & {
    media_time: string | number;
    capture_us: string | number;
  };
  hex: string;
}
const vectors = JSON.parse(
  readFileSync(resolve(import.meta.dirname, "../../../tests/vectors/wire.json"), "utf8"),
) as Vector[];
const KINDS = ["initialisation", "fragment", "access-unit"];

function bytesOf(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

describe("the shared vectors", () => {
  it("are there", () => expect(vectors.length).toBeGreaterThan(3));
  it.each(vectors)("$name", ({ header, hex }) => {
    const bytes = bytesOf(hex);
    const decoded = decodeMedia(bytes.buffer);
    const wide = [header.media_time, header.capture_us].some((value) => !Number.isSafeInteger(Number(value)));
    if (wide) {
      // The type of the wire is wider than any time that exists; here such a message is refused in words.
      expect(decoded.ok).toBe(false);
      return;
    }
    if (!decoded.ok) throw new Error(decoded.error);
    const { message } = decoded;
    expect(message.kind).toBe(KINDS[header.kind]);
    expect(message.key).toBe((header.flags & 1) !== 0);
    expect(message.discontinuity).toBe((header.flags & 2) !== 0);
    expect(message.lastOfGroup).toBe((header.flags & 4) !== 0);
    expect(message.track).toBe(header.track);
    expect(message.feed).toBe(header.feed);
    expect(message.group).toBe(header.group);
    expect(message.frame).toBe(header.frame);
    expect(message.mediaTime).toBe(Number(header.media_time));
    expect(message.captureTime).toBe(Number(header.capture_us));
    expect(message.payload).toEqual(bytes.subarray(HEADER_BYTES));
    expect(encodeHeader(message)).toEqual(bytes.subarray(0, HEADER_BYTES));
  });
});

describe("what is wrong comes back in words", () => {
  const good: MediaHeader = {
    kind: "fragment",
    key: true,
    discontinuity: false,
    lastOfGroup: false,
    track: 0,
    feed: feedId(1),
    group: 2,
    frame: 3,
    mediaTime: mediaTicks(-90_000),
    captureTime: utcMicros(1_763_925_133_000_000),
  };
  const broken = (at: number, value: number) => {
    const bytes = encodeHeader(good);
    bytes[at] = value;
    return decodeMedia(bytes.buffer);
  };
  it.each([
    [0, 2, "version 2"],
    [1, 3, "kind 3"],
    [2, 0x10, "flags"],
    [3, 2, "track 2"],
  ])("byte %i = %i", (at, value, words) => {
    const decoded = broken(at, value);
    expect(decoded).toMatchObject({ ok: false });
    if (!decoded.ok) expect(decoded.error).toContain(words);
  });
  it("a message shorter than a header, at every length", () => {
    for (let length = 0; length < HEADER_BYTES; length++) {
      expect(decodeMedia(encodeHeader(good).slice(0, length).buffer).ok).toBe(false);
    }
  });
  it("negative media times are times", () => {
    const decoded = decodeMedia(encodeHeader(good).buffer);
    expect(decoded.ok && decoded.message.mediaTime).toBe(-90_000);
  });
  it("random headers go there and back", () => {
    let seed = 1;
    const random = (most: number) => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % most;
    };
    for (let i = 0; i < 500; i++) {
      const header: MediaHeader = {
        kind: (["initialisation", "fragment", "access-unit"] as const)[random(3)] ?? "fragment",
        key: random(2) === 1,
        discontinuity: random(2) === 1,
        lastOfGroup: random(2) === 1,
        track: random(2) === 1 ? 1 : 0,
        feed: feedId(random(2 ** 31) * 2 + random(2)),
        group: random(2 ** 31),
        frame: random(2 ** 31),
        mediaTime: mediaTicks((random(2 ** 31) - 2 ** 30) * 4096),
        captureTime: utcMicros(random(2 ** 31) * 1_000_000),
      };
      const decoded = decodeMedia(encodeHeader(header).buffer);
      expect(decoded.ok && decoded.message).toMatchObject(header);
    }
  });
});
