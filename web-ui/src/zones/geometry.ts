/**
 * Zones of interest as polygons over a camera's picture: what can be done to them, and what is wrong with them. Points are
 * shares of the picture's width and height from the upper left. No DOM; the editor draws what stands here.
 */
import type { Zone, ZonePoint } from "../domain/camera";

/** The gateway's own limits (docs/reference/api.md). */
export const MOST_ZONES = 16;
export const LEAST_POINTS = 3;
export const MOST_POINTS = 32;
export const MOST_NAME = 50;
/** Twice the area of the smallest triangle that is no line. */
const THIN = 1e-6;
/** A ten-thousandth of the picture is finer than any pointer. */
const GRAIN = 10_000;

const share = (value: number): number => Math.round(Math.min(1, Math.max(0, value)) * GRAIN) / GRAIN;
export const point = (x: number, y: number): ZonePoint => [share(x), share(y)];

/** A rectangle in the middle, a step aside for each zone that is there already: seen at once, and never degenerate. */
export function freshZone(zones: readonly Zone[], name: (n: number) => string): Zone {
  let n = zones.length + 1;
  while (zones.some((zone) => zone.name === name(n))) n += 1;
  const by = (zones.length % 5) * 0.05;
  const corners: ZonePoint[] = [
    [0.25, 0.3],
    [0.65, 0.3],
    [0.65, 0.75],
    [0.25, 0.75],
  ];
  return { name: name(n), points: corners.map(([x, y]) => point(x + by, y + by)) };
}

/** A corner put somewhere else; outside it stops at the picture's edge. */
export function movePoint(zone: Zone, at: number, to: ZonePoint): Zone {
  return { ...zone, points: zone.points.map((old, i) => (i === at ? point(to[0], to[1]) : old)) };
}

/** The whole zone moved, as far as it stays inside the picture with its shape. */
export function moveZone(zone: Zone, dx: number, dy: number): Zone {
  const room = (axis: 0 | 1, by: number): number => {
    const values = zone.points.map((one) => one[axis]);
    return Math.min(1 - Math.max(...values), Math.max(-Math.min(...values), by));
  };
  const [x, y] = [room(0, dx), room(1, dy)];
  return { ...zone, points: zone.points.map((one) => point(one[0] + x, one[1] + y)) };
}

/** A corner in the middle of the side that follows corner `at`; the zone as it is when it has as many as it may. */
export function splitSide(zone: Zone, at: number): Zone {
  const a = zone.points[at];
  const b = zone.points[(at + 1) % zone.points.length];
  if (!a || !b || zone.points.length >= MOST_POINTS) return zone;
  return insertAt(zone, at + 1, middle(a, b));
}

/** A corner at a place, put into the side that is nearest to it. */
export function addPoint(zone: Zone, to: ZonePoint): { zone: Zone; at: number } {
  if (zone.points.length >= MOST_POINTS) return { zone, at: -1 };
  let best = { at: zone.points.length, distance: Number.POSITIVE_INFINITY };
  zone.points.forEach((a, i) => {
    const b = zone.points[(i + 1) % zone.points.length] as ZonePoint;
    const distance = toSide(to, a, b);
    if (distance < best.distance) best = { at: i + 1, distance };
  });
  return { zone: insertAt(zone, best.at, point(to[0], to[1])), at: best.at };
}

/** One corner less; the last three stay. */
export function removePoint(zone: Zone, at: number): Zone {
  return zone.points.length <= LEAST_POINTS ? zone : { ...zone, points: zone.points.filter((_, i) => i !== at) };
}

export const middle = (a: ZonePoint, b: ZonePoint): ZonePoint => point((a[0] + b[0]) / 2, (a[1] + b[1]) / 2);

function insertAt(zone: Zone, at: number, one: ZonePoint): Zone {
  return { ...zone, points: [...zone.points.slice(0, at), one, ...zone.points.slice(at)] };
}

function toSide(p: ZonePoint, a: ZonePoint, b: ZonePoint): number {
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const length = dx * dx + dy * dy;
  const along = length === 0 ? 0 : Math.min(1, Math.max(0, ((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / length));
  return Math.hypot(p[0] - a[0] - along * dx, p[1] - a[1] - along * dy);
}

/** Whether motion there counts for this zone: even-odd, as the gateway judges it. */
export function contains(zone: Zone, [x, y]: ZonePoint): boolean {
  let inside = false;
  zone.points.forEach((a, i) => {
    const b = zone.points[(i + 1) % zone.points.length] as ZonePoint;
    if (a[1] > y === b[1] > y) return;
    if (x < ((b[0] - a[0]) * (y - a[1])) / (b[1] - a[1]) + a[0]) inside = !inside;
  });
  return inside;
}

/** The zone under a place: the chosen one first, then the last that was drawn. -1 where there is none. */
export function zoneAt(zones: readonly Zone[], place: ZonePoint, chosen: number): number {
  const current = zones[chosen];
  if (current && contains(current, place)) return chosen;
  for (let i = zones.length - 1; i >= 0; i--) if (contains(zones[i] as Zone, place)) return i;
  return -1;
}

export type ZoneFault = "no-name" | "long-name" | "same-name" | "few-points" | "line";

/** What the gateway would refuse of a zone, so that it is said before it is sent. */
export function faultOf(zones: readonly Zone[], at: number): ZoneFault | null {
  const zone = zones[at];
  if (!zone) return null;
  const name = zone.name.trim();
  if (!name) return "no-name";
  if ([...name].length > MOST_NAME) return "long-name";
  if (zones.some((other, i) => i !== at && other.name.trim() === name)) return "same-name";
  if (zone.points.length < LEAST_POINTS) return "few-points";
  return isLine(zone) ? "line" : null;
}

function isLine(zone: Zone): boolean {
  const [origin, ...rest] = zone.points;
  if (!origin) return true;
  const from = (one: ZonePoint): ZonePoint => [one[0] - origin[0], one[1] - origin[1]];
  return rest.every((a) =>
    rest.every((b) => {
      const [p, q] = [from(a), from(b)];
      return Math.abs(p[0] * q[1] - p[1] * q[0]) < THIN;
    }),
  );
}

/** For an SVG whose view is 100 by 100, stretched over the picture. */
export const svgPoints = (zone: Zone): string => zone.points.map(([x, y]) => `${x * 100},${y * 100}`).join(" ");
