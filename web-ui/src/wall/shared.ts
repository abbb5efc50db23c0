/** Shared walls: what the gateway tells of them, and what follows from that. Pure. */

import type { Grade, SightEvent } from "../domain/event";
import type { CameraCode, IncidentId, RegionCode } from "../domain/ids";
import { parseTime } from "../domain/ids";
import type { Role } from "../domain/user";
import type { Layout } from "./url";

export type Stream = "auto" | "main" | "sub";
export interface Cell {
  readonly camera: CameraCode;
  readonly profile: Stream;
}
export interface Tour {
  readonly cameras: readonly CameraCode[];
  readonly dwell_s: number;
  readonly since: string;
  readonly held_at: string | null;
}
export interface Screen {
  readonly screen: number;
  readonly name: string;
  readonly layout: Layout;
  readonly cells: readonly (Cell | null)[];
  readonly alarm: number | null;
  readonly focus: number | null;
  readonly tour: Tour | null;
  readonly revision: number;
  readonly by: string;
  readonly at: string;
}
export interface WallChange {
  readonly revision: number;
  readonly at: string;
  readonly by: string;
  readonly screen: number | null;
  readonly what: string;
}
export interface SharedWall {
  readonly id: string;
  readonly name: string;
  readonly region: RegionCode;
  readonly note: string;
  readonly seat: string | null;
  readonly revision: number;
  readonly screens: readonly Screen[];
  readonly changes: readonly WallChange[];
}
/** What a director says of a screen. */
export interface Face {
  readonly name: string;
  readonly layout: Layout;
  readonly cells: readonly (Cell | null)[];
  readonly alarm: number | null;
  readonly focus: number | null;
  readonly tour: { readonly cameras: readonly CameraCode[]; readonly dwell_s: number; readonly held: boolean } | null;
}
export interface Present {
  readonly screen: number;
  readonly window: string;
  readonly user: string;
  readonly revision: number;
  readonly width: number;
  readonly height: number;
  readonly tiles: number;
  readonly live: number;
  readonly since: string;
  readonly seen: string;
}
export interface WallLink {
  readonly number: number;
  readonly name: string;
  readonly until: string;
  readonly by: string;
  readonly at: string;
  readonly ended_at: string | null;
  readonly url?: string;
}
export interface SavedLayout {
  readonly id: number;
  readonly name: string;
  readonly owner: string;
  readonly shared: boolean;
  readonly region: RegionCode;
  readonly incident: IncidentId | null;
  readonly layout: Layout;
  readonly cells: readonly (Cell | null)[];
  readonly alarm: number | null;
  readonly revision: number;
  readonly mine: boolean;
}
export interface NewLayout {
  readonly name: string;
  readonly layout: Layout;
  readonly cells: readonly (Cell | null)[];
  readonly alarm: number | null;
  readonly shared: boolean;
  readonly incident: IncidentId | null;
  readonly revision?: number;
}
export interface Seat {
  readonly user: string;
  readonly name: string;
  readonly role: Role;
  readonly region: RegionCode;
  readonly present: boolean;
}

export const DWELL = { least: 5, most: 300 } as const;
export const MOST_SCREENS = 16;
/** The next page connects this long before its turn: with a key frame every two to four seconds it then has a picture. */
export const AHEAD_MS = 5000;
/** An alarm stops tours this long. */
export const HOLD_MS = 30_000;

const GRAVE: readonly Grade[] = ["I", "II"];
/** What stops a tour: the two gravest grades, and what a rule wants on the walls. What moves in a picture does not. */
export const isAlarm = (event: SightEvent): boolean => GRAVE.includes(event.grade) || (event.popup ?? false);

/** When alarms of a region began, milliseconds. */
export const alarmTimes = (events: readonly SightEvent[], region: string): number[] =>
  events
    .filter((one) => isAlarm(one) && (one.region?.startsWith(region) ?? false))
    .map((one) => parseTime(one.start) ?? 0);

export function faceOf(screen: Screen | undefined): Face {
  if (!screen) return { name: "", layout: 4, cells: [], alarm: null, focus: null, tour: null };
  const { name, layout, cells, alarm, focus, tour } = screen;
  return {
    name,
    layout,
    cells,
    alarm,
    focus,
    tour: tour && { cameras: tour.cameras, dwell_s: tour.dwell_s, held: tour.held_at !== null && focus === null },
  };
}

/** A camera into a tile; one that stands elsewhere changes places with what was there. A tour ends by it. */
export function putCamera(face: Face, camera: CameraCode, at: number): Face {
  if (at < 0 || at >= 25 || at === face.alarm) return face;
  const cells: (Cell | null)[] = Array.from({ length: 25 }, (_, i) => face.cells[i] ?? null);
  const old = cells.findIndex((cell) => cell?.camera === camera);
  const moved = old >= 0 ? (cells[old] ?? null) : null;
  if (old >= 0) cells[old] = cells[at] ?? null;
  cells[at] = moved ?? { camera, profile: "auto" };
  return { ...face, cells: trim(cells), tour: null };
}

export function emptyTile(face: Face, at: number): Face {
  const cells = face.cells.map((cell, i) => (i === at ? null : cell));
  return { ...face, cells: trim(cells), focus: face.focus === at ? null : face.focus };
}

export function withLayout(face: Face, layout: Layout): Face {
  const inside = (tile: number | null) => (tile !== null && tile < layout ? tile : null);
  const alarm = layout === 1 && face.tour ? null : inside(face.alarm);
  return { ...face, layout, alarm, focus: inside(face.focus) };
}

export const cleared = (face: Face): Face => ({ ...face, cells: [], focus: null, tour: null });

/** Keeps a tile for alarms, or gives it back. */
export function withAlarm(face: Face, at: number | null): Face {
  if (face.alarm !== null) return { ...face, alarm: null };
  const tile = at ?? face.layout - 1;
  if (face.layout === 1 && face.tour) return face;
  return { ...face, alarm: tile, focus: face.focus === tile ? null : face.focus };
}

/** Shows a tile large, or no more. An empty one has nothing to show. */
export function withFocus(face: Face, at: number | null): Face {
  const there = at !== null && at !== face.alarm && (face.tour !== null || Boolean(face.cells[at]));
  return { ...face, focus: there && face.focus !== at ? at : null };
}

/** Cameras into tiles, past the one for alarms. */
function filled(cameras: readonly CameraCode[], layout: Layout, alarm: number | null): (Cell | null)[] {
  const rest = [...new Set(cameras)];
  return Array.from({ length: layout }, (_, i): Cell | null => {
    const camera = i === alarm ? undefined : rest.shift();
    return camera ? { camera, profile: "auto" } : null;
  });
}

/** A set of cameras in a layout, in the place of what was there. */
export function withSet(face: Face, cameras: readonly CameraCode[], layout: Layout): Face {
  const next = withLayout({ ...face, tour: null, focus: null }, layout);
  return { ...next, cells: trim(filled(cameras, layout, next.alarm)) };
}

/** Where a camera goes that was picked without a place: the first empty tile, else the first. */
export function freeTile(face: Face): number {
  for (let i = 0; i < face.layout; i++) if (!face.cells[i] && i !== face.alarm) return i;
  return face.alarm === 0 ? 1 : 0;
}

function trim(cells: readonly (Cell | null)[]): (Cell | null)[] {
  let end = cells.length;
  while (end > 0 && cells[end - 1] === null) end -= 1;
  return cells.slice(0, end);
}

/**
 * The time that a tour's page follows from. It stands still while a director holds it, and for half a minute from an alarm on;
 * one alarm after the other holds it on. All screens know the same alarms and the same clock: they stay in step.
 */
export function tourTime(tour: Tour, alarms: readonly number[], now: number): number {
  const held = tour.held_at && parseTime(tour.held_at);
  if (held) return held;
  let at = now;
  for (const alarm of [...alarms].sort((a, b) => b - a)) if (alarm <= at && at < alarm + HOLD_MS) at = alarm;
  return at;
}

/**
 * One tour over several screens: each page goes on on the next screen. Every screen gets as many pages as the others, so that
 * all come round together; what is missing of the last page is taken from the beginning.
 */
export function spread(
  cameras: readonly CameraCode[],
  screens: readonly Pick<Screen, "screen" | "layout" | "alarm">[],
): ReadonlyMap<number, readonly CameraCode[]> {
  const sizes = screens.map((one) => one.layout - (one.alarm === null ? 0 : 1));
  const round = sizes.reduce((sum, size) => sum + size, 0);
  const lists = new Map<number, CameraCode[]>(screens.map((one) => [one.screen, []]));
  if (round === 0 || cameras.length === 0) return lists;
  let at = 0;
  for (let page = 0; page < Math.ceil(cameras.length / round); page++) {
    screens.forEach((one, i) => {
      const list = lists.get(one.screen) ?? [];
      for (let n = 0; n < (sizes[i] ?? 0); n++, at++) {
        const camera = cameras[at] ?? cameras.find((code) => !list.includes(code));
        if (camera && !list.includes(camera)) list.push(camera);
      }
    });
  }
  return lists;
}

/** Screens whose tours turn together: they were begun, or went on, in one change. */
export const inStep = (wall: SharedWall, screen: Screen): readonly Screen[] =>
  wall.screens.filter(
    (one) =>
      one === screen ||
      (one.tour !== null &&
        screen.tour !== null &&
        one.tour.since === screen.tour.since &&
        one.tour.held_at === screen.tour.held_at &&
        one.tour.dwell_s === screen.tour.dwell_s),
  );

export interface Page {
  readonly page: number;
  readonly pages: number;
  /** By tile. */
  readonly cells: readonly (Cell | null)[];
  /** Of the page that comes next, to be connected before it is shown. */
  readonly ahead: readonly CameraCode[];
  readonly held: boolean;
  /** When something changes next, gateway's milliseconds; `null`: not by itself. */
  readonly next: number | null;
}

/** What a screen shows at a moment. */
export function pageOf(screen: Screen, alarms: readonly number[], now: number): Page {
  const { tour, layout, alarm } = screen;
  if (!tour) {
    const cells = Array.from({ length: layout }, (_, i) => (i === alarm ? null : (screen.cells[i] ?? null)));
    return { page: 0, pages: 1, cells, ahead: [], held: false, next: null };
  }
  const size = layout - (alarm === null ? 0 : 1);
  const pages = Math.max(1, Math.ceil(tour.cameras.length / size));
  const dwell = tour.dwell_s * 1000;
  const since = parseTime(tour.since) ?? now;
  const pageAt = (at: number) => Math.floor(Math.max(0, at - since) / dwell) % pages;
  const time = tourTime(tour, alarms, now);
  const page = pageAt(time);
  const upcoming = pageAt(tourTime(tour, alarms, now + AHEAD_MS));
  const camerasOf = (n: number) => tour.cameras.slice(n * size, (n + 1) * size);
  const turn = since + (Math.floor(Math.max(0, now - since) / dwell) + 1) * dwell;
  const ends = alarms.map((at) => at + HOLD_MS).filter((at) => at > now);
  const moments = [turn, ...ends].flatMap((at) => [at, at - AHEAD_MS]).filter((at) => at > now);
  return {
    page,
    pages,
    cells: filled(camerasOf(page), layout, alarm),
    ahead: upcoming === page ? [] : camerasOf(upcoming),
    held: time !== now,
    next: tour.held_at || pages === 1 ? null : Math.min(...moments),
  };
}

export const screenUrl = (wall: string, screen: number): string => `/wall/${encodeURIComponent(wall)}?screen=${screen}`;
