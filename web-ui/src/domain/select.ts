/** Cameras for a place: the shape that is asked about, in the address and in the question to the gateway. Pure. */
import type { Query } from "../api/http";
import type { Camera } from "./camera";
import type { Place } from "./region";

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
  | { readonly kind: "polygon"; readonly points: readonly Place[] }
  | { readonly kind: "line"; readonly points: readonly Place[] };

/** As the gateway answers: those that look at the place first, then the nearest. */
export interface Found {
  readonly camera: Camera;
  /** Metres to the shape's middle; of a line, to its nearest point. */
  readonly metres: number;
  /** Whether the place lies in its field of view. */
  readonly covers: boolean;
}

export function parseNear(text: string | null): Shape | null {
  const [lon, lat, ...rest] = (text ?? "").split(",").map(Number);
  if (lon === undefined || lat === undefined || rest.length > 0) return null;
  return Math.abs(lon) <= 180 && Math.abs(lat) <= 90 ? { kind: "near", at: { lon, lat } } : null;
}
export const formatNear = (at: Place): string => `${at.lon.toFixed(6)},${at.lat.toFixed(6)}`;
const formatAll = (points: readonly Place[]): string => points.map(formatNear).join(";");

/** The gateway's limit of a radius, metres. */
const MOST_RADIUS_M = 100_000;

/** The query of `GET /cameras/near`. */
export function questionOf(shape: Shape): Query {
  switch (shape.kind) {
    case "near":
      return { at: formatNear(shape.at) };
    case "circle":
      return {
        at: formatNear(shape.at),
        radius_m: Math.min(MOST_RADIUS_M, Math.max(1, Math.round(shape.radius))),
      };
    case "box":
      return {
        box: formatAll([
          { lon: shape.west, lat: shape.south },
          { lon: shape.east, lat: shape.north },
        ]),
      };
    case "polygon":
      return { polygon: formatAll(shape.points) };
    case "line":
      return { line: formatAll(shape.points) };
  }
}
