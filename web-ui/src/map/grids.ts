/**
 * The three systems that map tiles come in, as OpenLayers knows them. The map's own is Web Mercator on WGS-84; tiles of the others are
 * drawn where they belong by OpenLayers' reprojection, so that nothing else on the map has to know of them.
 *
 * EPSG:4490 (CGCS2000) is degrees; it differs from WGS-84 by centimetres and is taken as the same. GCJ-02 tiles are cut like Web
 * Mercator, on shifted ground: a projection of our own, whose transformation is that shift.
 */
import {
  addCoordinateTransforms,
  addEquivalentProjections,
  addProjection,
  fromLonLat,
  get,
  Projection,
  toLonLat,
} from "ol/proj";
import TileGrid from "ol/tilegrid/TileGrid";
import { fromGcj02, toGcj02 } from "../domain/gcj";
import type { MapGrid } from "./sources";

const TILE_PX = 256;
/** Half of the equator in Web Mercator, metres. */
const HALF = Math.PI * 6_378_137;
const LEVELS = 25;
/** Metres a degree of the equator, by CGCS2000's ellipsoid, which is WGS-84's to a tenth of a millimetre. */
const METRES_PER_DEGREE = (Math.PI * 6_378_137) / 180;

export const SHIFTED = "GCJ-02";
const DEGREES = "EPSG:4490";

function define(): void {
  if (get(SHIFTED)) return;
  const degrees = new Projection({
    code: DEGREES,
    units: "degrees",
    extent: [-180, -90, 180, 90],
    global: true,
    metersPerUnit: METRES_PER_DEGREE,
  });
  const wgs84 = get("EPSG:4326");
  if (wgs84) addEquivalentProjections([wgs84, degrees]);
  addProjection(degrees);
  addCoordinateTransforms(
    "EPSG:3857",
    degrees,
    (at) => toLonLat([...at]),
    (at) => fromLonLat([...at]),
  );
  addProjection(new Projection({ code: SHIFTED, units: "m", extent: [-HALF, -HALF, HALF, HALF], global: true }));
  addCoordinateTransforms("EPSG:3857", SHIFTED, shift, unshift);
}

/** Where a point of the map lies on shifted ground. */
export function shift(at: readonly number[]): number[] {
  const [lon = 0, lat = 0] = toLonLat([...at]);
  return fromLonLat(toGcj02(lon, lat));
}
export function unshift(at: readonly number[]): number[] {
  const [lon = 0, lat = 0] = toLonLat([...at]);
  return fromLonLat(fromGcj02(lon, lat));
}

/** The projection's name and the grid of a source's tiles. */
export function gridOf(grid: MapGrid, minZoom: number, maxZoom: number): { projection: string; tileGrid: TileGrid } {
  define();
  const degrees = grid === DEGREES;
  const whole = degrees ? 360 : 2 * HALF;
  // By the number of the level: that of EPSG:4490 begins with 1, which is two tiles.
  const resolutions = Array.from({ length: Math.min(LEVELS, maxZoom + 1) }, (_, z) => whole / TILE_PX / 2 ** z);
  return {
    projection: grid,
    tileGrid: new TileGrid({
      origin: degrees ? [-180, 90] : [-HALF, HALF],
      extent: degrees ? [-180, -90, 180, 90] : [-HALF, -HALF, HALF, HALF],
      resolutions,
      minZoom,
      tileSize: TILE_PX,
    }),
  };
}
