import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { type ClientMessage, parseControl } from "./control";

type Fields = Record<string, unknown>;
interface Vector {
  readonly name: string;
  readonly message: Fields;
  readonly means?: Fields;
}
const vectors = JSON.parse(
  readFileSync(resolve(import.meta.dirname, "../../../tests/vectors/control.json"), "utf8"),
) as Record<"client" | "server", readonly Vector[]>;

/** Our names for the wire's. */
const NAMES: Record<string, string> = {
  max_tiles: "maxTiles",
  rate_bps: "rateBps",
  delay_ms: "delayMs",
  rtt_ms: "roundTripMs",
};
/** What the page has no use for. */
const UNREAD = ["server", "profile of opening", "bytes"];
/** What the page does not say: `auth` is said by the line, and a tile's bounds are its own. */
const UNSAID = ["auth"];

const renamed = (fields: Fields): Fields =>
  Object.fromEntries(
    Object.entries(fields)
      .filter(([name]) => !UNREAD.includes(name) && !UNREAD.includes(`${name} of ${String(fields.type)}`))
      .map(([name, value]) => [NAMES[name] ?? name, value]),
  );

describe("the shared vectors, server to page", () => {
  it("are there", () => expect(vectors.server.length).toBeGreaterThan(10));
  it.each(vectors.server)("$name", ({ message, means }) => {
    const parsed = parseControl(JSON.stringify(message));
    if (!parsed.ok) throw new Error(parsed.error);
    const { type, ...rest } = renamed(means ?? message);
    const expected = type === "measured" ? { type, measured: rest } : { type, ...rest };
    if (type === "opened") expect(parsed.message).toMatchObject({ ...expected, transcoded: rest.transcoded ?? false });
    else expect(parsed.message).toEqual(expected);
  });
});

describe("the shared vectors, page to server", () => {
  // Held by the compiler: each kind of message that the gateway knows is one that the page's own type has.
  const said: Record<ClientMessage["type"], true> = {
    open: true,
    profile: true,
    size: true,
    pause: true,
    resume: true,
    close: true,
    delay: true,
    measure: true,
    clock: true,
    replay: true,
    reached: true,
    step: true,
  };
  const fields: Record<string, readonly string[]> = {
    open: ["tile", "camera", "profile", "width", "height", "decodes", "format", "priority", "audio"],
    profile: ["tile", "profile"],
    size: ["tile", "width", "height"],
    delay: ["max_ms"],
    measure: ["every_ms"],
    clock: ["clock", "run", "at", "rate", "gaps", "until"],
    replay: ["tile", "camera", "profile", "clock", "decodes", "format", "audio", "reason"],
    reached: ["clock", "run", "at"],
    step: ["clock", "run", "tile", "frames"],
  };
  it.each(vectors.client.filter(({ message }) => !UNSAID.includes(String(message.type))))("$name", ({ message }) => {
    const { type, ...rest } = message;
    expect(Object.keys(said)).toContain(type);
    for (const name of Object.keys(rest)) expect(fields[String(type)] ?? ["tile"]).toContain(name);
  });
});
