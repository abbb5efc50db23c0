/** Regions with their counts and their worst state, for a map that is too far away to tell cameras apart. Pure. */

import type { Camera, CameraState } from "./camera";
import type { RegionCode } from "./ids";
import type { Place, Region } from "./region";
import { worst } from "./tree";

export type MarkLevel = "district" | "town" | "village";
/** Digits of the codes of a level (GB/T 2260 and its statistical extension). */
const DIGITS: Record<MarkLevel, number> = { district: 6, town: 9, village: 12 };

export interface RegionMark {
  readonly code: RegionCode;
  readonly region: Region | null;
  /** The region's own cameras, of a region above the level that is shown. */
  readonly own: boolean;
  readonly place: Place;
  readonly total: number;
  readonly offline: number;
  readonly worst: CameraState;
}

/** One mark for each region of a level in which there are cameras; those of a region above it have one of their own. */
export function regionMarks(
  regions: ReadonlyMap<RegionCode, Region>,
  cameras: Iterable<Camera>,
  level: MarkLevel,
): RegionMark[] {
  const digits = DIGITS[level];
  const held = new Map<RegionCode, Camera[]>();
  for (const camera of cameras) {
    const code = camera.region.slice(0, digits) as RegionCode;
    const list = held.get(code);
    if (list) list.push(camera);
    else held.set(code, [camera]);
  }
  const marks: RegionMark[] = [];
  for (const [code, list] of held) {
    const region = regions.get(code) ?? null;
    const own = code.length < digits;
    // The middle of its cameras stands for a region that has no place; a region's own cameras are not where it is.
    const place = (own ? null : region?.place) ?? middle(list);
    if (!place) continue;
    marks.push({
      code,
      region,
      own,
      place,
      total: list.length,
      offline: list.filter((camera) => camera.state === "offline").length,
      worst: worst(list.map((camera) => camera.state)),
    });
  }
  return marks.sort((a, b) => a.code.localeCompare(b.code));
}

function middle(cameras: readonly Camera[]): Place | null {
  const places = cameras.flatMap((camera) => camera.place ?? []);
  if (places.length === 0) return null;
  const sum = places.reduce((a, b) => ({ lon: a.lon + b.lon, lat: a.lat + b.lat }), { lon: 0, lat: 0 });
  return { lon: sum.lon / places.length, lat: sum.lat / places.length };
}
