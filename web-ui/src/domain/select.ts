/** Cameras for a place: which lie in a shape on the map, and which of them look at its middle. Pure. */
import { metresBetween } from "./geo";
import type { Camera, Place } from "./types";

export type Shape =
  | { readonly kind: "near"; readonly at: Place }
  | { readonly kind: "circle"; readonly at: Place; readonly radius: number }
  | {
      readonly kind: "box";
      readonly west: number;
      readonly south: number;
      readonly east: number;
      readonly north: number;
    }
  | { readonly kind: "line"; readonly points: readonly Place[] };

export interface Found {
  readonly camera: Camera;
  /** Metres to the place; of a line, to its nearest point. */
  readonly metres: number;
  /** Whether the place lies in its field of view. */
  readonly covers: boolean;
}

/** As many as a wall has tiles. */
export const MOST_FOUND = 25;
const NEAREST = 9;
/** A camera stands along a road when it is no further from it than this, metres. */
const BESIDE_M = 200;

export function parseNear(text: string | null): Shape | null {
  const [lon, lat, ...rest] = (text ?? "").split(",").map(Number);
  if (lon === undefined || lat === undefined || rest.length > 0) return null;
  return Math.abs(lon) <= 180 && Math.abs(lat) <= 90 ? { kind: "near", at: { lon, lat } } : null;
}
export const formatNear = (at: Place): string => `${at.lon.toFixed(6)},${at.lat.toFixed(6)}`;

/** Its heading and opening hold the place, and it sees that far. */
export function covers(camera: Camera, at: Place): boolean {
  const { place, heading, view_angle: angle, view_distance: far } = camera;
  if (!place || heading === null || !angle || !far || metresBetween(place, at) > far) return false;
  const east = (at.lon - place.lon) * Math.cos((place.lat * Math.PI) / 180);
  const bearing = (Math.atan2(east, at.lat - place.lat) * 180) / Math.PI;
  const off = Math.abs(((bearing - heading + 540) % 360) - 180);
  return off <= angle / 2;
}

/** The cameras of a shape: those that look at it first, then the nearest; never more than a wall holds. */
export function find(cameras: Iterable<Camera>, shape: Shape): Found[] {
  const found: Found[] = [];
  for (const camera of cameras) {
    if (!camera.place || camera.state === "disabled") continue;
    const metres = distance(shape, camera.place);
    if (metres === null) continue;
    const middle = centre(shape);
    found.push({ camera, metres, covers: middle !== null && covers(camera, middle) });
  }
  found.sort((a, b) => Number(b.covers) - Number(a.covers) || a.metres - b.metres);
  return found.slice(0, shape.kind === "near" ? NEAREST : MOST_FOUND);
}

/** Metres from a shape's middle, or `null` for what lies outside it. */
function distance(shape: Shape, place: Place): number | null {
  switch (shape.kind) {
    case "near":
      return metresBetween(shape.at, place);
    case "circle": {
      const metres = metresBetween(shape.at, place);
      return metres <= shape.radius ? metres : null;
    }
    case "box": {
      const across = place.lon >= shape.west && place.lon <= shape.east;
      const up = place.lat >= shape.south && place.lat <= shape.north;
      return across && up ? metresBetween(centre(shape) as Place, place) : null;
    }
    case "line": {
      const metres = toLine(shape.points, place);
      return metres <= BESIDE_M ? metres : null;
    }
  }
}

function centre(shape: Shape): Place | null {
  if (shape.kind === "line") return null;
  if (shape.kind !== "box") return shape.at;
  return { lon: (shape.west + shape.east) / 2, lat: (shape.south + shape.north) / 2 };
}

function toLine(points: readonly Place[], place: Place): number {
  let least = points[0] ? metresBetween(points[0], place) : Number.POSITIVE_INFINITY;
  for (let i = 1; i < points.length; i++) {
    const [a, b] = [points[i - 1] as Place, points[i] as Place];
    const k = Math.cos((place.lat * Math.PI) / 180);
    const [dx, dy] = [(b.lon - a.lon) * k, b.lat - a.lat];
    const length = dx * dx + dy * dy;
    const along = length === 0 ? 0 : ((place.lon - a.lon) * k * dx + (place.lat - a.lat) * dy) / length;
    const t = Math.min(1, Math.max(0, along));
    least = Math.min(
      least,
      metresBetween({ lon: a.lon + t * (b.lon - a.lon), lat: a.lat + t * (b.lat - a.lat) }, place),
    );
  }
  return least;
}
