import { describe, expect, it } from "vitest";
import { cameraCode } from "../domain/ids";
import {
  emptyTile,
  type Face,
  faceOf,
  freeTile,
  HOLD_MS,
  inStep,
  pageOf,
  putCamera,
  type Screen,
  type SharedWall,
  spread,
  tourTime,
  withAlarm,
  withFocus,
  withLayout,
  withSet,
} from "./shared";

const camera = (n: number) => cameraCode(`4414030000132000${String(n).padStart(4, "0")}`);
const codes = (of: Pick<Face, "cells">) => of.cells.map((cell) => (cell ? Number(cell.camera.slice(-4)) : null));
const face = (...numbers: number[]): Face => ({
  ...faceOf(undefined),
  cells: numbers.map((n) => ({ camera: camera(n), profile: "auto" })),
});
const T0 = Date.parse("2026-11-23T12:00:00.000Z");
const screen = (more: Partial<Screen> = {}): Screen => ({
  ...faceOf(undefined),
  screen: 1,
  revision: 1,
  by: "chen",
  at: "2026-11-23T12:00:00.000Z",
  ...more,
  tour: more.tour ?? null,
});
const tour = (count: number, dwell_s = 10, held_at: string | null = null) => ({
  cameras: Array.from({ length: count }, (_, i) => camera(i + 1)),
  dwell_s,
  since: "2026-11-23T12:00:00.000000Z",
  held_at,
});

describe("what a director does to a screen", () => {
  it("puts a camera into a tile, and one that stands elsewhere changes places", () => {
    expect(codes(putCamera(face(1, 2), camera(3), 3))).toEqual([1, 2, null, 3]);
    expect(codes(putCamera(face(1, 2), camera(2), 0))).toEqual([2, 1]);
    expect(putCamera(face(1), camera(2), 25)).toEqual(face(1));
  });
  it("never puts one where alarms come, and finds a tile beside it", () => {
    const kept = withAlarm(face(1), 1);
    expect(putCamera(kept, camera(2), 1)).toBe(kept);
    expect(freeTile(kept)).toBe(2);
    expect(freeTile({ ...face(1, 2, 3, 4), alarm: null })).toBe(0);
    expect(codes(withSet(kept, [1, 2, 3, 4].map(camera), 4))).toEqual([1, null, 2, 3]);
  });
  it("keeps what a smaller layout hides, and nothing that points outside it", () => {
    const small = withLayout({ ...face(1, 2, 3, 4, 5), layout: 9, alarm: 8, focus: 7 }, 4);
    expect([small.alarm, small.focus, codes(small).length]).toEqual([null, null, 5]);
  });
  it("shows a tile large and not the one for alarms, and takes the camera out with it", () => {
    const kept = withAlarm(face(1, 2), 3);
    expect(withFocus(kept, 1).focus).toBe(1);
    expect(withFocus(withFocus(kept, 1), 1).focus).toBeNull();
    expect(withFocus(kept, 3).focus).toBeNull();
    expect(withFocus(kept, 2).focus, "nothing stands there").toBeNull();
    expect(emptyTile(withFocus(kept, 1), 1)).toMatchObject({ focus: null, cells: [{ camera: camera(1) }] });
  });
  it("ends a tour by putting a camera, and holds what is held", () => {
    const touring = faceOf(screen({ tour: tour(8, 10, "2026-11-23T12:00:05Z") }));
    expect(touring.tour?.held).toBe(true);
    // Held for the tile that is shown large only: it goes on when that is over.
    expect(faceOf(screen({ focus: 1, tour: tour(8, 10, "2026-11-23T12:00:05Z") })).tour?.held).toBe(false);
    expect(putCamera(touring, camera(9), 0).tour).toBeNull();
  });
});

describe("a tour", () => {
  it("is on the page that the time says, on every screen", () => {
    const of = screen({ tour: tour(10) });
    const pages = [0, 9999, 10_000, 29_999, 30_000].map((ms) => pageOf(of, [], T0 + ms).page);
    expect(pages).toEqual([0, 0, 1, 2, 0]);
    expect(codes(pageOf(of, [], T0 + 20_000))).toEqual([9, 10, null, null]);
    expect(codes(pageOf(screen({ alarm: 0, tour: tour(10) }), [], T0))).toEqual([null, 1, 2, 3]);
  });
  it("connects the next page five seconds ahead, and says when to look again", () => {
    const of = screen({ tour: tour(8) });
    expect(pageOf(of, [], T0 + 4000)).toMatchObject({ ahead: [], next: T0 + 5000 });
    const ahead = pageOf(of, [], T0 + 5000);
    expect(ahead.ahead.map((code) => Number(code.slice(-4)))).toEqual([5, 6, 7, 8]);
    expect(ahead.next).toBe(T0 + 10_000);
    expect(pageOf(screen({ tour: tour(3) }), [], T0).next).toBeNull();
  });
  it("stands still while it is held, and for half a minute from each alarm on", () => {
    const held = screen({ tour: tour(8, 10, "2026-11-23T12:00:12Z") });
    expect(pageOf(held, [], T0 + 500_000)).toMatchObject({ page: 1, held: true, next: null });
    const one = tour(8);
    expect(tourTime(one, [T0 + 12_000], T0 + 12_000 + HOLD_MS - 1)).toBe(T0 + 12_000);
    expect(tourTime(one, [T0 + 12_000], T0 + 12_000 + HOLD_MS)).toBe(T0 + 12_000 + HOLD_MS);
    // One that comes meanwhile holds it on, at the page of the first.
    expect(tourTime(one, [T0 + 30_000, T0 + 12_000], T0 + 50_000)).toBe(T0 + 12_000);
    const page = pageOf(screen({ tour: one }), [T0 + 12_000], T0 + 36_000);
    expect(page).toMatchObject({ page: 1, held: true });
    // It goes on where the time is by then; that page is connected before.
    const soon = pageOf(screen({ tour: tour(12) }), [T0 + 1000], T0 + 27_000);
    expect([soon.page, soon.ahead[0], soon.next]).toEqual([0, undefined, T0 + 30_000]);
    const then = pageOf(screen({ tour: tour(8) }), [T0 + 8000], T0 + 33_500);
    expect([then.page, then.ahead[0]]).toEqual([0, camera(5)]);
  });
});

describe("a tour over several screens", () => {
  const numbers = (list: readonly string[] | undefined) => list?.map((code) => Number(code.slice(-4)));
  const [left, right] = [screen({ layout: 4, alarm: 3 }), screen({ screen: 2, layout: 1 })];
  it("goes on on the next screen, and all come round together", () => {
    const cameras = Array.from({ length: 10 }, (_, i) => camera(i + 1));
    const lists = spread(cameras, [left, right]);
    expect(numbers(lists.get(1))).toEqual([1, 2, 3, 5, 6, 7, 9, 10, 4]);
    expect(numbers(lists.get(2))).toEqual([4, 8, 1]);
  });
  it("turns, holds and goes on as one where it was begun as one", () => {
    const wall = (of: readonly Screen[]): SharedWall => ({
      id: "hall",
      name: "",
      region: "441403" as SharedWall["region"],
      note: "",
      seat: null,
      revision: 1,
      screens: of,
      changes: [],
    });
    const [a, b] = [screen({ tour: tour(8) }), screen({ screen: 2, tour: tour(4) })];
    const c = screen({ screen: 3, tour: { ...tour(4), since: "2026-11-23T12:00:01Z" } });
    expect(inStep(wall([a, b, c]), a).map((one) => one.screen)).toEqual([1, 2]);
    expect(inStep(wall([left, right]), left)).toEqual([left]);
  });
});
