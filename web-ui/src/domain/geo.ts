/** Where a camera looks, as a ring of points. */
import type { Place } from "./region";

const METRES_PER_DEGREE = 111_320;

/** Closed ring of [lon, lat]; heading in degrees clockwise from north, distance in metres. */
export function wedge(at: Place, heading: number, angle: number, distance: number, steps = 12): [number, number][] {
  const ring: [number, number][] = [[at.lon, at.lat]];
  const perLon = METRES_PER_DEGREE * Math.cos((at.lat * Math.PI) / 180);
  const span = Math.min(angle, 360);
  for (let i = 0; i <= steps; i++) {
    const bearing = ((heading - span / 2 + (span * i) / steps) * Math.PI) / 180;
    ring.push([
      at.lon + (Math.sin(bearing) * distance) / perLon,
      at.lat + (Math.cos(bearing) * distance) / METRES_PER_DEGREE,
    ]);
  }
  ring.push([at.lon, at.lat]);
  return ring;
}

/** Metres between two places; flat, which is right to 0.1 % within a district. */
export function metresBetween(a: Place, b: Place): number {
  const dx = (a.lon - b.lon) * METRES_PER_DEGREE * Math.cos((((a.lat + b.lat) / 2) * Math.PI) / 180);
  const dy = (a.lat - b.lat) * METRES_PER_DEGREE;
  return Math.hypot(dx, dy);
}

/** Degrees clockwise from north, 0 to under 360, in which `b` lies from `a`. */
export function bearing(a: Place, b: Place): number {
  const east = (b.lon - a.lon) * Math.cos((((a.lat + b.lat) / 2) * Math.PI) / 180);
  const degrees = (Math.atan2(east, b.lat - a.lat) * 180) / Math.PI;
  return (degrees + 360) % 360;
}
