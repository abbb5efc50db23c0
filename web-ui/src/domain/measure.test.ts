import { expect, it } from "vitest";
import { areaOf, distance, isWhole, lengthOf, withCorner } from "./measure";

const at = (lon: number, lat: number) => ({ lon, lat });

it("measures what is known", () => {
  // A degree of the mean sphere; London to Paris, commonly given as 344 km.
  expect(distance(at(0, 0), at(1, 0))).toBeCloseTo(111_195.08, 1);
  expect(distance(at(-0.1278, 51.5074), at(2.3522, 48.8566)) / 1000).toBeCloseTo(343.6, 0);
  expect(lengthOf([at(0, 0), at(1, 0), at(1, 1)])).toBeCloseTo(2 * 111_195.08, 0);
  expect(lengthOf([at(1, 1)])).toBe(0);
});

it("an eighth of the sphere has an eighth of its area", () => {
  const octant = [at(0, 0), at(90, 0), at(90, 90), at(0, 90)];
  expect(areaOf(octant) / ((4 * Math.PI * 6_371_008.8 ** 2) / 8)).toBeCloseTo(1, 6);
  // Whichever way round.
  expect(areaOf([...octant].reverse())).toBeCloseTo(areaOf(octant), 0);
  expect(areaOf([at(0, 0), at(1, 0)])).toBe(0);
});

it("corners are added one by one, and a double press adds one", () => {
  let line = withCorner("line", [], at(116, 24));
  line = withCorner("line", line, at(116.1, 24));
  expect(isWhole("line", line)).toBe(true);
  expect(withCorner("line", line, at(116.1000001, 24), 1)).toBe(line);
  expect(isWhole("area", line)).toBe(false);
  expect(withCorner("text", line, at(1, 1))).toEqual([at(1, 1)]);
});
