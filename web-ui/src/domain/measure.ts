/** Lengths and areas on the sphere, and what is drawn corner by corner. Pure. */
import type { Place } from "./region";

/** Mean radius of the earth, metres (IUGG). */
const RADIUS = 6_371_008.8;
const radians = (degrees: number): number => (degrees * Math.PI) / 180;

/** Great-circle distance, metres. */
export function distance(a: Place, b: Place): number {
  const [lat1, lat2] = [radians(a.lat), radians(b.lat)];
  const h =
    Math.sin((lat2 - lat1) / 2) ** 2 + Math.cos(lat1) * Math.cos(lat2) * Math.sin(radians(b.lon - a.lon) / 2) ** 2;
  return 2 * RADIUS * Math.asin(Math.min(1, Math.sqrt(h)));
}

/** Along these places, metres. */
export function lengthOf(points: readonly Place[]): number {
  let sum = 0;
  for (let i = 1; i < points.length; i++) {
    const [a, b] = [points[i - 1], points[i]];
    if (a && b) sum += distance(a, b);
  }
  return sum;
}

/** Within these corners, square metres; the first need not be repeated. */
export function areaOf(points: readonly Place[]): number {
  let sum = 0;
  points.forEach((a, i) => {
    const b = points[(i + 1) % points.length];
    if (b) sum += radians(b.lon - a.lon) * (2 + Math.sin(radians(a.lat)) + Math.sin(radians(b.lat)));
  });
  return Math.abs((sum * RADIUS * RADIUS) / 2);
}

export type DraftKind = "point" | "line" | "area" | "text";
const LEAST: Record<DraftKind, number> = { point: 1, text: 1, line: 2, area: 3 };
/** As many as the gateway takes. */
export const MOST_CORNERS = 500;

/** A corner more; one at the same spot is none, which is what a double press makes. */
export function withCorner(kind: DraftKind, points: readonly Place[], place: Place, apart = 0): readonly Place[] {
  if (LEAST[kind] === 1) return [place];
  const last = points.at(-1);
  if (last && distance(last, place) <= apart) return points;
  return points.length < MOST_CORNERS ? [...points, place] : points;
}
export const isWhole = (kind: DraftKind, points: readonly Place[]): boolean => points.length >= LEAST[kind];
