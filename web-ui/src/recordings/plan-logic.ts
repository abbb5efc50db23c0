/** Plans without a page: a week as a grid that is painted, and what a change means for the room there is. No DOM. */

import type { Profile } from "../domain/camera";
import type { CameraCode } from "../domain/ids";
import type { PlanBody, PlanMode, PlanWindow } from "../domain/recording";
import type { Kept, Retention } from "../domain/storage";

/** Half hours of a day. */
export const CELLS = 48;
const CELL_MIN = 30;
export const DAYS = 7;
/** As many windows as the gateway takes in one plan. */
export const MOST_WINDOWS = 48;

/** A cell a half hour, day after day from Monday. */
export type Week = readonly boolean[];
export const emptyWeek = (on = false): Week => Array.from({ length: DAYS * CELLS }, () => on);
export const cellAt = (day: number, cell: number): number => day * CELLS + cell;

export function weekOf(windows: readonly PlanWindow[]): Week {
  const week = [...emptyWeek()];
  for (const { days, from_min, to_min } of windows) {
    for (let day = 0; day < DAYS; day++) {
      if (!(days & (1 << day))) continue;
      for (let cell = 0; cell < CELLS; cell++) {
        // A cell is on where at least half of it is.
        const [a, b] = [Math.max(from_min, cell * CELL_MIN), Math.min(to_min, (cell + 1) * CELL_MIN)];
        if (b - a >= CELL_MIN / 2) week[cellAt(day, cell)] = true;
      }
    }
  }
  return week;
}

/** Whether the grid says exactly what these windows do. */
export const isAligned = (windows: readonly PlanWindow[]): boolean =>
  windows.every((one) => one.from_min % CELL_MIN === 0 && one.to_min % CELL_MIN === 0);

const DAY_MIN = 1440;

/** A mark a minute, day after day from Monday. */
function minutesOf(windows: readonly PlanWindow[]): Uint8Array {
  const minutes = new Uint8Array(DAYS * DAY_MIN);
  for (const { days, from_min, to_min } of windows) {
    for (let day = 0; day < DAYS; day++) {
      if (days & (1 << day)) minutes.fill(1, day * DAY_MIN + from_min, day * DAY_MIN + to_min);
    }
  }
  return minutes;
}

/** Days that have the same hours share a window. */
function windowsOfMinutes(minutes: Uint8Array): PlanWindow[] {
  const runs = new Map<string, number>();
  for (let day = 0; day < DAYS; day++) {
    let start = -1;
    for (let minute = 0; minute <= DAY_MIN; minute++) {
      const on = minute < DAY_MIN && minutes[day * DAY_MIN + minute] === 1;
      if (on && start < 0) start = minute;
      if (!on && start >= 0) {
        const key = `${start}-${minute}`;
        runs.set(key, (runs.get(key) ?? 0) | (1 << day));
        start = -1;
      }
    }
  }
  return [...runs.entries()]
    .map(([key, days]) => {
      const [from_min, to_min] = key.split("-").map(Number) as [number, number];
      return { days, from_min, to_min };
    })
    .sort((a, b) => a.from_min - b.from_min || a.days - b.days);
}

export const windowsOf = (week: Week): PlanWindow[] => repaint([], week);

/** The windows when the grid has been painted so: cells that were not changed keep their minutes. */
export function repaint(windows: readonly PlanWindow[], week: Week): PlanWindow[] {
  const was = weekOf(windows);
  const minutes = minutesOf(windows);
  week.forEach((on, cell) => {
    if (on !== was[cell]) minutes.fill(on ? 1 : 0, cell * CELL_MIN, (cell + 1) * CELL_MIN);
  });
  return windowsOfMinutes(minutes);
}

/** 08:15 → 495; an end at 00:00 is the day's. `null` where it is no time. */
export function minuteOf(clock: string, isEnd: boolean): number | null {
  const found = /^(\d\d):(\d\d)$/.exec(clock);
  if (!found) return null;
  const minute = Number(found[1]) * 60 + Number(found[2]);
  return isEnd && minute === 0 ? DAY_MIN : minute;
}
/** 495 → 08:15; the end of a day is 00:00, as clocks show it. */
export const clockOf = (minute: number): string =>
  `${String(Math.floor(minute / 60) % 24).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;

/** Share of the week that is recorded. */
export const shareOfWindows = (windows: readonly PlanWindow[]): number =>
  minutesOf(windows).reduce((sum, on) => sum + on, 0) / (DAYS * DAY_MIN);

export const shareOf = (week: Week): number => week.filter(Boolean).length / week.length;

/** Sets a rectangle of the week, corner to corner. */
export function paint(week: Week, from: number, to: number, on: boolean): Week {
  const next = [...week];
  const [d1, d2] = [Math.floor(from / CELLS), Math.floor(to / CELLS)];
  const [c1, c2] = [from % CELLS, to % CELLS];
  for (let day = Math.min(d1, d2); day <= Math.max(d1, d2); day++) {
    for (let cell = Math.min(c1, c2); cell <= Math.max(c1, c2); cell++) next[cellAt(day, cell)] = on;
  }
  return next;
}

/** Where an arrow leads; it stays inside. */
export function move(at: number, key: string): number | null {
  const [day, cell] = [Math.floor(at / CELLS), at % CELLS];
  const to: Record<string, [number, number]> = {
    ArrowLeft: [day, cell - 1],
    ArrowRight: [day, cell + 1],
    ArrowUp: [day - 1, cell],
    ArrowDown: [day + 1, cell],
    Home: [day, 0],
    End: [day, CELLS - 1],
  };
  const there = to[key];
  if (!there) return null;
  return cellAt(Math.min(DAYS - 1, Math.max(0, there[0])), Math.min(CELLS - 1, Math.max(0, there[1])));
}

/** 13 → 06:30. */
export const cellClock = (cell: number): string =>
  `${String(Math.floor(cell / 2)).padStart(2, "0")}:${cell % 2 ? "30" : "00"}`;

/** What somebody is about to change; what is `null` stays. */
export interface Change {
  readonly plan: PlanBody | null;
  readonly keepDays: number | null;
}
export interface Effect {
  /** Bytes a day of all cameras, now and then. */
  readonly before: number;
  readonly after: number;
  /** Days that there is room for; `null` where nothing grows. */
  readonly daysBefore: number | null;
  readonly daysAfter: number | null;
  /** Of the changed: recorded by events then, which nobody can foresee. */
  readonly byEvents: number;
  /** Of the changed: never recorded, or a stream whose rate is not known. */
  readonly unknown: number;
  /** Kept for less than now. */
  readonly shortened: number;
  /** For whom the floor is longer than what is asked. */
  readonly floored: number;
  /** The longest that any camera is to be kept, if there is no room for all of that. */
  readonly tooLong: number | null;
}

export type SubRate = (code: CameraCode, profile: Profile) => number | null;

/** What a change means by today's rates. `rate` knows what a stream carries that is not recorded now, bit/s. */
export function effect(all: Retention, chosen: ReadonlySet<string>, change: Change, rate: SubRate): Effect {
  let after = all.bytes_per_day;
  let needed = 0;
  let [byEvents, unknown, shortened, floored, longest] = [0, 0, 0, 0, 0];
  for (const camera of all.cameras) {
    let perDay: number | null = camera.bytes_per_day;
    let kept = camera.kept_days;
    if (chosen.has(camera.camera)) {
      if (change.plan) {
        perDay = perDayOf(camera, change.plan, rate);
        if (change.plan.mode === "on-event") byEvents += 1;
        else if (perDay === null) unknown += 1;
        after += (perDay ?? 0) - camera.bytes_per_day;
      }
      if (change.keepDays !== null) {
        kept = Math.max(change.keepDays, camera.floor_days);
        if (change.keepDays < camera.floor_days) floored += 1;
        if (kept < camera.kept_days) shortened += 1;
      }
    }
    needed += (perDay ?? 0) * kept;
    if ((perDay ?? 0) > 0) longest = Math.max(longest, kept);
  }
  after = Math.max(0, after);
  return {
    before: all.bytes_per_day,
    after,
    daysBefore: all.fits_days,
    daysAfter: after > 0 ? all.room_bytes / after : null,
    byEvents,
    unknown,
    shortened,
    floored,
    tooLong: needed > all.room_bytes ? longest : null,
  };
}

/** Bytes a day of a camera under a plan; `null` where that cannot be known. */
function perDayOf(camera: Kept, plan: PlanBody, rate: SubRate): number | null {
  if (plan.mode === "off" || !camera.recorded) return 0;
  if (plan.mode === "on-event") return null;
  const same = (plan.profile ?? null) === camera.profile;
  const known = same && camera.rate_bps > 0 ? camera.rate_bps : plan.profile ? rate(camera.camera, plan.profile) : null;
  const bps = known ?? (camera.rate_bps > 0 && !plan.profile ? camera.rate_bps : null);
  if (bps === null) return null;
  const share = plan.mode === "weekly" ? shareOfWindows(plan.windows ?? []) : 1;
  return (bps / 8) * 86_400 * share;
}

export interface Filter {
  readonly text: string;
  readonly region: string;
  readonly siteClass: string;
  readonly mode: PlanMode | "";
}
export function matches(camera: Kept, filter: Filter): boolean {
  const text = filter.text.trim().toLowerCase();
  return (
    camera.region.startsWith(filter.region) &&
    (!filter.siteClass || (camera.site_class || "-") === filter.siteClass) &&
    (!filter.mode || camera.mode === filter.mode) &&
    (!text || camera.name.toLowerCase().includes(text) || camera.camera.includes(text))
  );
}

/** Whether there is not room for a camera's days by today's rates: its oldest will go before it is that old. */
export const isShort = (camera: Kept, fitsDays: number | null): boolean =>
  camera.bytes_per_day > 0 && fitsDays !== null && fitsDays < camera.kept_days;
