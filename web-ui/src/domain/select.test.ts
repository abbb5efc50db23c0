import { describe, expect, it } from "vitest";
import { formatNear, parseNear, questionOf } from "./select";

const spot = { lon: 116, lat: 24 };
const there = { lon: 116.1, lat: 24.2 };

describe("the question to the gateway", () => {
  it("names each shape as the API does", () => {
    expect(questionOf({ kind: "near", at: spot })).toEqual({ at: "116.000000,24.000000" });
    expect(questionOf({ kind: "circle", at: spot, radius: 149.6 })).toEqual({
      at: "116.000000,24.000000",
      radius_m: 150,
    });
    expect(questionOf({ kind: "box", west: 116, south: 24, east: 116.1, north: 24.2 })).toEqual({
      box: "116.000000,24.000000;116.100000,24.200000",
    });
    expect(questionOf({ kind: "line", points: [spot, there] })).toEqual({
      line: "116.000000,24.000000;116.100000,24.200000",
    });
    expect(questionOf({ kind: "polygon", points: [spot, there, { lon: 116, lat: 24.2 }] }).polygon).toMatch(
      /^116\.0+,24\.0+;.*;116\.0+,24\.20+$/,
    );
  });
  it("stays within what the gateway takes", () => {
    expect(questionOf({ kind: "circle", at: spot, radius: 1e7 }).radius_m).toBe(100_000);
    expect(questionOf({ kind: "circle", at: spot, radius: 0 }).radius_m).toBe(1);
  });
});

describe("a place in the address", () => {
  it("goes there and back", () => {
    expect(parseNear(formatNear({ lon: 116.123456, lat: 24.5 }))).toEqual({
      kind: "near",
      at: { lon: 116.123456, lat: 24.5 },
    });
  });
  it.each([null, "", "1", "1,2,3", "a,b", "181,0", "0,91"])("%j is none", (text) => expect(parseNear(text)).toBeNull());
});
