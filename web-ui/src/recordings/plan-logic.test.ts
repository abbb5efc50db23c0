import { describe, expect, it } from "vitest";
import { cameraCode, regionCode } from "../domain/ids";
import type { PlanWindow } from "../domain/recording";
import type { Kept, Retention } from "../domain/storage";
import {
  CELLS,
  cellAt,
  cellClock,
  clockOf,
  effect,
  emptyWeek,
  isAligned,
  isShort,
  matches,
  minuteOf,
  move,
  paint,
  repaint,
  shareOf,
  shareOfWindows,
  weekOf,
  windowsOf,
} from "./plan-logic";

describe("the week", () => {
  it("comes back from the windows it was made of", () => {
    const windows: PlanWindow[] = [
      { days: 31, from_min: 480, to_min: 1080 },
      { days: 96, from_min: 0, to_min: 1440 },
    ];
    expect(windowsOf(weekOf(windows)).sort((a, b) => b.from_min - a.from_min)).toEqual(windows);
    expect(shareOf(weekOf(windows))).toBeCloseTo((5 * 10 + 48) / 168, 9);
  });
  it("overlapping windows are joined, and those that touch", () => {
    const week = weekOf([
      { days: 1, from_min: 0, to_min: 120 },
      { days: 1, from_min: 60, to_min: 180 },
      { days: 1, from_min: 180, to_min: 240 },
    ]);
    expect(windowsOf(week)).toEqual([{ days: 1, from_min: 0, to_min: 240 }]);
  });
  it("says where it cannot show a window as it is", () => {
    expect(isAligned([{ days: 1, from_min: 30, to_min: 90 }])).toBe(true);
    expect(isAligned([{ days: 1, from_min: 30, to_min: 91 }])).toBe(false);
  });
  it("keeps the minutes of what is not painted over", () => {
    const windows: PlanWindow[] = [{ days: 1, from_min: 8 * 60 + 10, to_min: 17 * 60 + 50 }];
    const week = weekOf(windows);
    expect(repaint(windows, week)).toEqual(windows);
    const lunch = paint(week, cellAt(0, 24), cellAt(0, 25), false);
    expect(repaint(windows, lunch)).toEqual([
      { days: 1, from_min: 490, to_min: 720 },
      { days: 1, from_min: 780, to_min: 1070 },
    ]);
    expect(shareOfWindows(windows)).toBeCloseTo(580 / 10_080, 9);
  });
  it("reads and writes a day's clock; an end at midnight is the day's", () => {
    expect(minuteOf("08:15", false)).toBe(495);
    expect(minuteOf("00:00", false)).toBe(0);
    expect(minuteOf("00:00", true)).toBe(1440);
    expect(minuteOf("", true)).toBeNull();
    expect(clockOf(495)).toBe("08:15");
    expect(clockOf(1440)).toBe("00:00");
  });
  it("any week is windows and back", () => {
    let seed = 7;
    const random = () => {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return seed / 2147483648;
    };
    for (let n = 0; n < 30; n++) {
      const week = emptyWeek().map(() => random() < 0.5);
      expect(weekOf(windowsOf(week))).toEqual(week);
    }
  });
  it("is painted by rectangles from corner to corner, whichever way", () => {
    const one = paint(emptyWeek(), cellAt(1, 4), cellAt(3, 6), true);
    expect(paint(emptyWeek(), cellAt(3, 6), cellAt(1, 4), true)).toEqual(one);
    expect(one.filter(Boolean)).toHaveLength(9);
    expect(windowsOf(one)).toEqual([{ days: 0b1110, from_min: 120, to_min: 210 }]);
    expect(paint(one, cellAt(1, 4), cellAt(3, 6), false)).toEqual(emptyWeek());
  });
  it("is walked by arrows and never left", () => {
    expect(move(cellAt(0, 0), "ArrowLeft")).toBe(0);
    expect(move(cellAt(0, 0), "ArrowUp")).toBe(0);
    expect(move(cellAt(6, 47), "ArrowRight")).toBe(cellAt(6, 47));
    expect(move(cellAt(2, 5), "ArrowDown")).toBe(cellAt(3, 5));
    expect(move(cellAt(2, 5), "End")).toBe(cellAt(2, CELLS - 1));
    expect(move(0, "x")).toBeNull();
    expect(cellClock(13)).toBe("06:30");
  });
});

const DAY_AT_8M = (8e6 / 8) * 86_400;
const camera = (n: number, more: Partial<Kept> = {}): Kept => ({
  camera: cameraCode(`4414030000132000000${n}`),
  name: `Camera ${n}`,
  region: regionCode("441403102"),
  site_class: "1",
  of: "default",
  mode: "always",
  profile: null,
  recorded: true,
  keep_days: 30,
  floor_days: 30,
  kept_days: 30,
  oldest: "2026-11-01T00:00:00Z",
  bytes_per_day: DAY_AT_8M,
  recorded_ms: 86_400_000,
  rate_bps: 8e6,
  ...more,
});
const district = (cameras: Kept[], days: number): Retention => {
  const bytes_per_day = cameras.reduce((sum, one) => sum + one.bytes_per_day, 0);
  return {
    region: regionCode("441403"),
    hours: 24,
    used_bytes: 0,
    room_bytes: bytes_per_day * days,
    bytes_per_day,
    fits_days: days,
    cameras,
  };
};
const none = () => null;

describe("what a change means", () => {
  const all = district([camera(1), camera(2)], 40);
  const first = new Set([camera(1).camera as string]);
  it("half a week is half the bytes, and the room lasts longer", () => {
    const windows = [{ days: 127, from_min: 0, to_min: 720 }];
    const got = effect(all, first, { plan: { mode: "weekly", windows }, keepDays: null }, none);
    expect(got.after / got.before).toBeCloseTo(0.75, 9);
    expect(got.daysAfter).toBeCloseTo(40 / 0.75, 9);
    expect(got.tooLong).toBeNull();
  });
  it("the sub stream is what the camera says it carries, or unknown", () => {
    const plan = { mode: "always", profile: "sub" } as const;
    const known = effect(all, first, { plan, keepDays: null }, () => 800_000);
    expect(known.after / known.before).toBeCloseTo(0.55, 9);
    expect(known.unknown).toBe(0);
    expect(effect(all, first, { plan, keepDays: null }, none).unknown).toBe(1);
  });
  it("events cannot be foreseen, and off takes nothing", () => {
    const byEvents = effect(all, first, { plan: { mode: "on-event", pre_s: 5, post_s: 30 }, keepDays: null }, none);
    expect([byEvents.byEvents, byEvents.unknown]).toEqual([1, 0]);
    const off = effect(all, first, { plan: { mode: "off" }, keepDays: null }, none);
    expect(off.after / off.before).toBeCloseTo(0.5, 9);
    const nothing = effect(
      all,
      new Set(all.cameras.map((one) => one.camera as string)),
      { plan: { mode: "off" }, keepDays: null },
      none,
    );
    expect([nothing.after, nothing.daysAfter]).toEqual([0, null]);
  });
  it("fewer days delete, the floor holds, and too many do not fit", () => {
    const long = district([camera(1, { keep_days: 90, kept_days: 90 }), camera(2)], 70);
    const less = effect(long, first, { plan: null, keepDays: 20 }, none);
    expect([less.shortened, less.floored, less.tooLong]).toEqual([1, 1, null]);
    const more = effect(long, first, { plan: null, keepDays: 365 }, none);
    expect([more.shortened, more.floored, more.tooLong]).toEqual([0, 0, 365]);
  });
  it("a camera is short of its days where the room is", () => {
    expect(isShort(camera(1), 29)).toBe(true);
    expect(isShort(camera(1), 30)).toBe(false);
    expect(isShort(camera(1, { bytes_per_day: 0 }), 1)).toBe(false);
  });
});

it("cameras are found by text, region, class and mode", () => {
  const all = { text: "", region: "", siteClass: "", mode: "" } as const;
  expect(matches(camera(1), all)).toBe(true);
  expect(matches(camera(1), { ...all, region: "441403102" })).toBe(true);
  expect(matches(camera(1), { ...all, region: "441403103" })).toBe(false);
  expect(matches(camera(1), { ...all, siteClass: "2" })).toBe(false);
  expect(matches(camera(1, { site_class: "" }), { ...all, siteClass: "-" })).toBe(true);
  expect(matches(camera(1), { ...all, mode: "off" })).toBe(false);
  expect(matches(camera(1), { ...all, text: "camera 1" })).toBe(true);
  expect(matches(camera(1), { ...all, text: "0000002" })).toBe(false);
});
