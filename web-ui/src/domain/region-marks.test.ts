import { expect, it } from "vitest";
import type { Camera, CameraState } from "./camera";
import type { RegionCode } from "./ids";
import type { Place, Region } from "./region";
import { regionMarks } from "./region-marks";

const camera = (region: string, state: CameraState, place: Place | null) =>
  ({ region, state, place }) as unknown as Camera;
const region = (code: string, place: Place | null) => ({ code, name: code, place }) as unknown as Region;
const regions = new Map(
  [
    region("441403", { lon: 116, lat: 24 }),
    region("441403102", { lon: 116.2, lat: 24.2 }),
    region("441403103", null),
  ].map((one) => [one.code as RegionCode, one]),
);

it("a region has its count and its worst state, and one without a place stands in the middle of its cameras", () => {
  const marks = regionMarks(
    regions,
    [
      camera("441403102201", "live", { lon: 1, lat: 1 }),
      camera("441403102202", "offline", null),
      camera("441403103", "idle", { lon: 116, lat: 24 }),
      camera("441403103", "live", { lon: 117, lat: 25 }),
      camera("441403", "connecting", { lon: 115, lat: 23 }),
      camera("441403199", "live", null),
    ],
    "town",
  );
  expect(marks.map(({ code, total, offline, worst, own }) => [code, total, offline, worst, own])).toEqual([
    ["441403", 1, 0, "connecting", true],
    ["441403102", 2, 1, "offline", false],
    ["441403103", 2, 0, "live", false],
  ]);
  expect(marks.map((mark) => mark.place)).toEqual([
    { lon: 115, lat: 23 },
    { lon: 116.2, lat: 24.2 },
    { lon: 116.5, lat: 24.5 },
  ]);
});

it("the whole district is one mark", () => {
  const marks = regionMarks(regions, [camera("441403102", "live", null), camera("441403", "idle", null)], "district");
  expect(marks).toHaveLength(1);
  expect(marks[0]?.total).toBe(2);
});
