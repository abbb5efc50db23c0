import { describe, expect, it } from "vitest";
import type { Zone } from "../domain/camera";
import {
  addPoint,
  contains,
  faultOf,
  freshZone,
  LEAST_POINTS,
  MOST_POINTS,
  MOST_ZONES,
  middle,
  movePoint,
  moveZone,
  point,
  removePoint,
  splitSide,
  svgPoints,
  zoneAt,
} from "./geometry";

const square: Zone = {
  name: "yard",
  points: [
    [0.2, 0.2],
    [0.6, 0.2],
    [0.6, 0.6],
    [0.2, 0.6],
  ],
};
/** Its sides cross in the middle. */
const bow: Zone = {
  name: "bow",
  points: [
    [0, 0],
    [1, 1],
    [1, 0],
    [0, 1],
  ],
};
const called = (n: number) => `Zone ${n}`;

describe("a corner", () => {
  it("stops at the picture's edge and stands on a grain", () => {
    expect(movePoint(square, 0, [-3, 0.123_456]).points[0]).toEqual([0, 0.1235]);
    expect(movePoint(square, 2, [7, 1.2]).points[2]).toEqual([1, 1]);
    expect(square.points[0]).toEqual([0.2, 0.2]);
  });
  it("is put into the middle of the side after it, also the last side", () => {
    expect(splitSide(square, 0).points[1]).toEqual([0.4, 0.2]);
    expect(splitSide(square, 3).points[4]).toEqual([0.2, 0.4]);
    expect(splitSide(square, 9)).toBe(square);
  });
  it("is put into the side that is nearest", () => {
    expect(addPoint(square, [0.4, 0.1])).toMatchObject({ at: 1 });
    expect(addPoint(square, [0.9, 0.4])).toMatchObject({ at: 2 });
    expect(addPoint(square, [0.1, 0.45])).toMatchObject({ at: 4 });
    expect(addPoint(square, [0.4, 0.1]).zone.points).toHaveLength(5);
  });
  it("goes away, but not below a triangle; none comes above the most", () => {
    let zone = square;
    for (let i = 0; i < 9; i++) zone = removePoint(zone, 0);
    expect(zone.points).toHaveLength(LEAST_POINTS);
    for (let i = 0; i < 99; i++) zone = splitSide(zone, i % zone.points.length);
    expect(zone.points).toHaveLength(MOST_POINTS);
    expect(addPoint(zone, [0.5, 0.5])).toEqual({ zone, at: -1 });
  });
});

describe("a whole zone", () => {
  it("moves with its shape, as far as the picture reaches", () => {
    expect(moveZone(square, 0.1, -0.1).points[0]).toEqual([0.3, 0.1]);
    const far = moveZone(square, 5, 5);
    expect(far.points[2]).toEqual([1, 1]);
    expect(far.points[0]).toEqual([0.6, 0.6]);
    expect(moveZone(square, -5, 0).points[0]).toEqual([0, 0.2]);
  });
  it("is made fresh with a name of its own, valid, for as many as there may be", () => {
    const zones: Zone[] = [{ ...square, name: "Zone 2" }];
    while (zones.length < MOST_ZONES) zones.push(freshZone(zones, called));
    expect(new Set(zones.map((zone) => zone.name)).size).toBe(MOST_ZONES);
    zones.forEach((_, i) => expect(faultOf(zones, i)).toBeNull());
    for (const zone of zones) for (const [x, y] of zone.points) expect(x >= 0 && x <= 1 && y >= 0 && y <= 1).toBe(true);
  });
  it("contains by even and odd", () => {
    expect(contains(square, [0.4, 0.4])).toBe(true);
    expect(contains(square, [0.7, 0.4])).toBe(false);
    expect(contains(bow, [0.9, 0.5])).toBe(true);
    expect(contains(bow, [0.1, 0.5])).toBe(true);
    expect(contains(bow, [0.5, 0.1])).toBe(false);
  });
  it("is found under a place: the chosen one first, then the newest", () => {
    const zones = [square, { ...square, name: "over it" }];
    expect(zoneAt(zones, [0.4, 0.4], 0)).toBe(0);
    expect(zoneAt(zones, [0.4, 0.4], -1)).toBe(1);
    expect(zoneAt(zones, [0.9, 0.9], 0)).toBe(-1);
  });
});

describe("what the gateway would refuse", () => {
  const fault = (zone: Partial<Zone>, others: Zone[] = []) => faultOf([{ ...square, ...zone }, ...others], 0);
  it("nothing of a square", () => expect(fault({})).toBeNull());
  it("a name that is missing, long or taken", () => {
    expect(fault({ name: "  " })).toBe("no-name");
    expect(fault({ name: "\u5403".repeat(50) })).toBeNull();
    expect(fault({ name: "\u5403".repeat(51) })).toBe("long-name");
    expect(fault({ name: "yard " }, [square])).toBe("same-name");
  });
  it("too few corners, and corners on one line", () => {
    expect(fault({ points: square.points.slice(0, 2) })).toBe("few-points");
    expect(fault({ points: [point(0, 0), point(0.5, 0.5), point(1, 1), point(0.25, 0.25)] })).toBe("line");
    expect(fault({ points: [point(0, 0), point(0.5, 0.51), point(1, 1)] })).toBeNull();
    expect(fault({ points: bow.points })).toBeNull();
  });
});

it("is drawn in hundredths", () => {
  expect(svgPoints({ ...square, points: square.points.slice(0, 2) })).toBe("20,20 60,20");
  expect(middle([0, 0], [0.5, 1])).toEqual([0.25, 0.5]);
});
