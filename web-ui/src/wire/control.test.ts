import { describe, expect, it } from "vitest";
import { parseControl } from "./control";

const read = (value: unknown) => parseControl(JSON.stringify(value));

describe("server messages", () => {
  it("hello carries the gateway's clock", () => {
    expect(read({ type: "hello", version: 1, server: "x", now: 1_763_925_133_000_000, max_tiles: 64 })).toEqual({
      ok: true,
      message: { type: "hello", version: 1, now: 1_763_925_133_000_000, maxTiles: 64 },
    });
  });
  it("opened carries feed and tracks", () => {
    const parsed = read({
      type: "opened",
      tile: 1,
      feed: 17,
      profile: "sub",
      tracks: [
        { track: 0, kind: "video", codec: "avc1.42c01e", width: 640, height: 360 },
        { track: 1, kind: "audio", codec: "mp4a.40.2", rate: 16_000, channels: 1 },
      ],
    });
    expect(parsed.ok && parsed.message).toMatchObject({
      feed: 17,
      profile: "sub",
      tracks: [{ codec: "avc1.42c01e" }, { kind: "audio" }],
    });
  });
  it.each(["refused", "lost"])("%s carries its reason", (type) => {
    const parsed = read({ type, tile: 4, reason: { code: "link-budget", text: "town: 60 of 60 Mbit/s" } });
    expect(parsed).toEqual({
      ok: true,
      message: { type, tile: 4, reason: { code: "link-budget", text: "town: 60 of 60 Mbit/s" } },
    });
  });
  it("a reason that is missing is unknown, not a crash", () => {
    const parsed = read({ type: "lost", tile: 4 });
    expect(parsed.ok && parsed.message).toMatchObject({ reason: { code: "unknown" } });
  });
  it("fields of a newer server are passed over", () => {
    expect(read({ type: "back", tile: 1, since: 3 }).ok).toBe(true);
  });
  it.each([
    ["nothing", ""],
    ["not JSON", "{"],
    ["a list", "[1]"],
    ["null", "null"],
    ["an unknown type", '{"type":"x","tile":1}'],
    ["no tile", '{"type":"back"}'],
    ["opened without tracks", '{"type":"opened","tile":1,"feed":2}'],
  ])("%s is refused", (_name, text) => expect(parseControl(text).ok).toBe(false));
});
