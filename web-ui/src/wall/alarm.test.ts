import { describe, expect, it } from "vitest";
import type { Grade, SightEvent } from "../domain/event";
import { type CameraCode, cameraCode, type EventId } from "../domain/ids";
import { CHOSEN_MS, fold, nextAlarm, placeOf, type Standing, step } from "./alarm";

const camera = (n: number) => cameraCode(`4414030000132000${String(n).padStart(4, "0")}`);
const NOW = Date.parse("2026-11-23T12:00:00.000Z");
const event = (n: number, ago: number, grade: Grade = "IV", more: Partial<SightEvent> = {}): SightEvent => ({
  id: `${n}` as EventId,
  kind: "motion",
  camera: camera(n),
  start: new Date(NOW - ago).toISOString(),
  end: null,
  count: 1,
  grade,
  snapshot: null,
  acknowledged: null,
  incident: null,
  ...more,
});
const none: ReadonlySet<CameraCode> = new Set();
const id = (standing: Standing | null) => standing?.event.id ?? null;
const next = (events: readonly SightEvent[], shown: ReadonlySet<CameraCode>, old: Standing | null, now: number) =>
  nextAlarm(fold(events, shown, now), old, now);

describe("the alarm that stands in the kept tile", () => {
  it("is the gravest, then the newest, of those that wait", () => {
    expect(id(next([event(1, 5000), event(2, 1000), event(3, 9000)], none, null, NOW))).toBe("2");
    expect(id(next([event(1, 5000, "II"), event(2, 1000)], none, null, NOW))).toBe("1");
    expect(next([], none, null, NOW)).toBeNull();
  });
  it("is not one that was acknowledged, is old, has no camera, or is seen on the wall", () => {
    const seen = { by: "a", at: "2026-11-23T12:00:00.000Z", note: "" };
    const events = [
      event(1, 1000, "I", { acknowledged: seen }),
      event(2, 700_000, "I"),
      event(3, 1000, "I", { camera: null }),
      event(4, 1000, "I"),
      event(5, 1000),
    ];
    expect(id(next(events, new Set([camera(4)]), null, NOW))).toBe("5");
  });
  it("stays long enough to be looked at, then gives way to a newer one", () => {
    const first = next([event(1, 1000)], none, null, NOW);
    const both = [event(1, 1000), event(2, 0)];
    expect(id(next(both, none, first, NOW + 14_000))).toBe("1");
    const second = next(both, none, first, NOW + 15_000);
    expect(id(second)).toBe("2");
    expect(second?.since).toBe(NOW + 15_000);
    // With nothing newer it stays, also for long.
    expect(id(next([event(2, 0)], none, second, NOW + 300_000))).toBe("2");
  });
  it("gives way at once to a graver one, and goes when it was acknowledged", () => {
    const first = next([event(1, 1000)], none, null, NOW);
    expect(id(next([event(1, 1000), event(2, 5000, "I")], none, first, NOW + 1000))).toBe("2");
    const acknowledged = event(1, 1000, "IV", { acknowledged: { by: "a", at: "", note: "" } });
    expect(next([acknowledged], none, first, NOW + 1000)).toBeNull();
  });
  it("is told anew as it changes", () => {
    const first = next([event(1, 1000)], none, null, NOW);
    const now = next([event(1, 1000, "IV", { count: 4 })], none, first, NOW + 1000);
    expect(now?.event.count).toBe(4);
    expect(now?.since).toBe(first?.since);
  });
});

describe("the queue behind it", () => {
  it("has one entry a camera, with the gravest of its alarms and how many there are", () => {
    const again = (n: number, ago: number, grade: Grade, count: number) =>
      event(n, ago, grade, { camera: camera(1), count });
    const entries = fold(
      [again(1, 3000, "IV", 2), again(2, 9000, "II", 1), again(3, 500, "II", 3), event(4, 0)],
      none,
      NOW,
    );
    expect(entries.map((one) => [one.event.id, one.count])).toEqual([
      ["3", 6],
      ["4", 1],
    ]);
    expect(entries[0]?.ids).toHaveLength(3);
  });
  it("does not change what stands when one camera alarms again and again", () => {
    const first = next([event(1, 1000), event(2, 2000)], none, null, NOW);
    const many = Array.from({ length: 50 }, (_, i) => event(100 + i, -i, "IV", { camera: camera(1) }));
    const now = next([...many, event(2, 2000)], none, first, NOW + 60_000);
    expect(now?.camera).toBe(camera(1));
    expect(fold([...many, event(2, 2000)], none, NOW + 60_000)).toHaveLength(2);
  });
  it("is gone through by hand, round the end, and what was chosen stays a while", () => {
    const events = [event(1, 1000), event(2, 2000), event(3, 3000)];
    const entries = fold(events, none, NOW);
    const queue = { entries, standing: nextAlarm(entries, null, NOW) };
    const second = step(queue, 1, NOW);
    expect([id(second), placeOf({ entries, standing: second })]).toEqual(["2", 2]);
    const last = step(queue, -1, NOW);
    expect(id(last)).toBe("3");
    expect(id(next(events, none, second, NOW + CHOSEN_MS - 1))).toBe("2");
    expect(id(next(events, none, second, NOW + CHOSEN_MS))).toBe("1");
    // A graver one does not wait for it.
    expect(id(next([...events, event(4, 0, "I")], none, second, NOW + 1000))).toBe("4");
    expect(step({ entries: [], standing: null }, 1, NOW)).toBeNull();
  });
});
