import { fromLonLat, toLonLat, transform } from "ol/proj";
import proj4 from "proj4";
import { describe, expect, it } from "vitest";
import { fromGcj02, toGcj02 } from "../domain/gcj";
import { gridOf } from "./grids";

/** Points that programs for this conversion are commonly tested by: WGS-84, then GCJ-02. */
const PUBLISHED = [
  [121.5272106, 31.1774276, 121.531541859, 31.175303984],
  [113.912316, 22.543847, 113.917176481, 22.540796132],
  [116.377817, 39.911954, 116.384047225, 39.913345455],
] as const;
const PLACES = [[116.0817, 24.2656], [113.3245, 23.1066], ...PUBLISHED.map(([lon, lat]) => [lon, lat])] as [
  number,
  number,
][];
const LEVELS = [10, 14, 18];

/** Where a place lies within the whole picture of a level, in its pixels, by the published formulas and by nothing of ours. */
const pixels = {
  /** OpenStreetMap's, "Slippy map tilenames". */
  "EPSG:3857": (lon: number, lat: number, z: number) => {
    const n = 256 * 2 ** z;
    const radians = (lat * Math.PI) / 180;
    return [((lon + 180) / 360) * n, ((1 - Math.asinh(Math.tan(radians)) / Math.PI) / 2) * n];
  },
  /** Tianditu's "c": level 1 is two tiles of 180 degrees, from the upper left corner of the world. */
  "EPSG:4490": (lon: number, lat: number, z: number) => {
    const degrees = 180 / 256 / 2 ** (z - 1);
    return [(lon + 180) / degrees, (90 - lat) / degrees];
  },
} as const;

/** The same by the page: projection and tile grid as the map uses them. */
function ours(grid: "EPSG:3857" | "EPSG:4490" | "GCJ-02", lon: number, lat: number, z: number): [number, number] {
  const { projection, tileGrid } = gridOf(grid, 1, 18);
  const at = transform(fromLonLat([lon, lat]), "EPSG:3857", projection);
  const [column, row] = tileGrid.getTileCoordForCoordAndZ(at, z).slice(1) as [number, number];
  const [west = 0, , , north = 0] = tileGrid.getTileCoordExtent([z, column, row]);
  const resolution = tileGrid.getResolution(z);
  return [column * 256 + ((at[0] ?? 0) - west) / resolution, row * 256 + (north - (at[1] ?? 0)) / resolution];
}

describe("a point of known coordinates lands within two pixels", () => {
  for (const z of LEVELS) {
    it(`in Web Mercator and in degrees, level ${z}`, () => {
      for (const [lon, lat] of PLACES) {
        for (const grid of ["EPSG:3857", "EPSG:4490"] as const) {
          const [x = 0, y = 0] = pixels[grid](lon, lat, z);
          const [ourX, ourY] = ours(grid, lon, lat, z);
          expect(Math.hypot(ourX - x, ourY - y), `${grid} ${lon} ${lat}`).toBeLessThan(0.1);
        }
      }
    });
    it(`on shifted ground, level ${z}`, () => {
      for (const [lon, lat, gcjLon, gcjLat] of PUBLISHED) {
        const [x = 0, y = 0] = pixels["EPSG:3857"](gcjLon, gcjLat, z);
        const [ourX, ourY] = ours("GCJ-02", lon, lat, z);
        expect(Math.hypot(ourX - x, ourY - y), `${lon} ${lat}`).toBeLessThan(0.5);
      }
    });
  }

  it("a tile is drawn over the map where its ground is, to the pixel in its middle and corners", () => {
    // What OpenLayers' reprojection asks: from the map's coordinates to the source's and back.
    for (const grid of ["EPSG:4490", "GCJ-02"]) {
      gridOf(grid as "GCJ-02", 1, 18);
      for (const place of PLACES) {
        const at = fromLonLat(place);
        const back = transform(transform(at, "EPSG:3857", grid), grid, "EPSG:3857");
        // Level 18 has 0.6 m a pixel.
        expect(Math.hypot((back[0] ?? 0) - (at[0] ?? 0), (back[1] ?? 0) - (at[1] ?? 0))).toBeLessThan(0.01);
      }
    }
  });
});

it("degrees of CGCS2000 are what proj4 makes of them, to a centimetre", () => {
  gridOf("EPSG:4490", 1, 18);
  proj4.defs("EPSG:4490", "+proj=longlat +ellps=GRS80 +no_defs +type=crs");
  for (const place of PLACES) {
    const theirs = proj4("EPSG:4490", "EPSG:3857", place);
    const own = transform(place, "EPSG:4490", "EPSG:3857");
    expect(Math.hypot((theirs[0] ?? 0) - (own[0] ?? 0), (theirs[1] ?? 0) - (own[1] ?? 0))).toBeLessThan(0.01);
  }
});

it("GCJ-02 meets the published points and comes back", () => {
  for (const [lon, lat, gcjLon, gcjLat] of PUBLISHED) {
    const [x, y] = toGcj02(lon, lat);
    expect(Math.abs(x - gcjLon)).toBeLessThan(1e-8);
    expect(Math.abs(y - gcjLat)).toBeLessThan(1e-8);
    const [backLon, backLat] = fromGcj02(x, y);
    expect(Math.hypot(backLon - lon, backLat - lat)).toBeLessThan(1e-8);
  }
  expect(toGcj02(2.35, 48.85)).toEqual([2.35, 48.85]);
  expect(toLonLat(fromLonLat([116, 24]))[0]).toBeCloseTo(116, 9);
});
