import { describe, expect, it } from "vitest";
import { type CameraCode, cameraCode, type EventId } from "../domain/ids";
import type { Grade, SightEvent } from "../domain/types";
import { nextAlarm, type Standing } from "./alarm";

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

describe("the alarm that stands in the kept tile", () => {
  it("is the gravest, then the newest, of those that wait", () => {
    expect(id(nextAlarm([event(1, 5000), event(2, 1000), event(3, 9000)], none, null, NOW))).toBe("2");
    expect(id(nextAlarm([event(1, 5000, "II"), event(2, 1000)], none, null, NOW))).toBe("1");
    expect(nextAlarm([], none, null, NOW)).toBeNull();
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
    expect(id(nextAlarm(events, new Set([camera(4)]), null, NOW))).toBe("5");
  });
  it("stays long enough to be looked at, then gives way to a newer one", () => {
    const first = nextAlarm([event(1, 1000)], none, null, NOW);
    const both = [event(1, 1000), event(2, 0)];
    expect(id(nextAlarm(both, none, first, NOW + 14_000))).toBe("1");
    const second = nextAlarm(both, none, first, NOW + 15_000);
    expect(id(second)).toBe("2");
    expect(second?.since).toBe(NOW + 15_000);
    // With nothing newer it stays, also for long.
    expect(id(nextAlarm([event(2, 0)], none, second, NOW + 300_000))).toBe("2");
  });
  it("gives way at once to a graver one, and goes when it was acknowledged", () => {
    const first = nextAlarm([event(1, 1000)], none, null, NOW);
    expect(id(nextAlarm([event(1, 1000), event(2, 5000, "I")], none, first, NOW + 1000))).toBe("2");
    const acknowledged = event(1, 1000, "IV", { acknowledged: { by: "a", at: "", note: "" } });
    expect(nextAlarm([acknowledged], none, first, NOW + 1000)).toBeNull();
  });
  it("is told anew as it changes", () => {
    const first = nextAlarm([event(1, 1000)], none, null, NOW);
    const now = nextAlarm([event(1, 1000, "IV", { count: 4 })], none, first, NOW + 1000);
    expect(now?.event.count).toBe(4);
    expect(now?.since).toBe(first?.since);
  });
});
