import { describe, expect, it } from "vitest";
import { cameraCode, regionCode } from "./ids";
import { covers, find, formatNear, MOST_FOUND, parseNear, type Shape } from "./select";
import type { Camera, Place } from "./types";

/** A thousandth of a degree is 111 m north, and 101 m east, at 24 degrees. */
const camera = (n: number, place: Place | null, more: Partial<Camera> = {}): Camera => ({
  code: cameraCode(`4414030000132000${String(n).padStart(4, "0")}`),
  name: `camera ${n}`,
  region: regionCode("441403"),
  state: "idle",
  reason: null,
  since: null,
  place,
  heading: null,
  view_angle: null,
  view_distance: null,
  recording: false,
  recording_state: "off",
  ...more,
});
const spot: Place = { lon: 116, lat: 24 };
const north = (n: number): Place => ({ lon: 116, lat: 24 + n / 1000 });
const names = (shape: Shape, cameras: Camera[]) => find(cameras, shape).map((one) => one.camera.name);

describe("a field of view", () => {
  const looks = (heading: number, more: Partial<Camera> = {}) =>
    covers(camera(1, north(1), { heading, view_angle: 60, view_distance: 200, ...more }), spot);
  it("holds what lies ahead and near enough", () => {
    expect([looks(180), looks(209), looks(151), looks(211), looks(0)]).toEqual([true, true, true, false, false]);
    expect(looks(180, { view_distance: 100 })).toBe(false);
    expect(looks(180, { heading: null })).toBe(false);
    expect(
      covers(camera(1, { lon: 116, lat: 23.999 }, { heading: 350, view_angle: 40, view_distance: 200 }), spot),
    ).toBe(true);
  });
});

describe("cameras for a place", () => {
  const far = camera(1, north(3));
  const near = camera(2, north(1));
  const looking = camera(3, north(2), { heading: 180, view_angle: 60, view_distance: 500 });
  const off = camera(4, north(0.1), { state: "disabled" });
  const nowhere = camera(5, null);
  const all = [far, near, looking, off, nowhere];
  it("nearest first, those that look at it before all", () => {
    expect(names({ kind: "near", at: spot }, all)).toEqual(["camera 3", "camera 2", "camera 1"]);
    expect(find(all, { kind: "near", at: spot })[1]?.metres).toBeCloseTo(111, 0);
  });
  it("within a circle and a box", () => {
    expect(names({ kind: "circle", at: spot, radius: 150 }, all)).toEqual(["camera 2"]);
    expect(names({ kind: "box", west: 115.9, south: 24.0015, east: 116.1, north: 24.0045 }, all)).toEqual([
      "camera 1",
      "camera 3",
    ]);
    expect(names({ kind: "box", west: 115, south: 23, east: 115.5, north: 25 }, all)).toEqual([]);
  });
  it("along a line, in order of how near they stand to it", () => {
    const line = [
      { lon: 115.9, lat: 24.002 },
      { lon: 116.1, lat: 24.002 },
    ];
    expect(names({ kind: "line", points: line }, all).sort()).toEqual(["camera 1", "camera 2", "camera 3"]);
    expect(names({ kind: "line", points: line }, all)[0]).toBe("camera 3");
    expect(names({ kind: "line", points: [north(-9)] }, all)).toEqual([]);
    expect(names({ kind: "line", points: [] }, all)).toEqual([]);
  });
  it("never more than a wall holds", () => {
    const many = Array.from({ length: 80 }, (_, i) => camera(i, north(i / 100)));
    expect(find(many, { kind: "circle", at: spot, radius: 1e6 })).toHaveLength(MOST_FOUND);
    expect(find(many, { kind: "near", at: spot })).toHaveLength(9);
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
