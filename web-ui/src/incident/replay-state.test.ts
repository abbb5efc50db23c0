import { expect, it } from "vitest";
import type { Drawing, LogEntry } from "../domain/command";
import { countAt, drawnBy, stateAfter } from "./replay-state";

const entry = (part: Partial<LogEntry>): LogEntry => ({
  n: 0,
  at: "",
  by: "li",
  action: "note",
  from: null,
  to: null,
  note: "",
  task: null,
  step: null,
  place: null,
  said_at: null,
  attachments: [],
  key: null,
  report: null,
  ...part,
});

it("counts what had happened by a moment", () => {
  const times = [10, 20, 20, 30];
  expect([5, 10, 19, 20, 30, 99].map((at) => countAt(times, at))).toEqual([0, 1, 1, 3, 4, 4]);
});

it("tells tasks and stage from the log alone", () => {
  const log = [
    entry({ action: "opened", to: "reported" }),
    entry({ action: "transition", from: "reported", to: "verified" }),
    entry({ action: "task", task: 1, note: "close the bridge" }),
    entry({ action: "step", task: 1, step: "acknowledge" }),
    entry({ action: "overdue", task: 1 }),
    entry({ action: "step", task: 1, step: "begin" }),
    entry({ action: "step", task: 1, step: "approve" }),
  ];
  expect(stateAfter(log, 2)).toEqual({ state: "verified", tasks: [] });
  expect(stateAfter(log, 3).tasks[0]?.progress).toBe("assigned");
  expect(stateAfter(log, 5).tasks[0]?.progress).toBe("acknowledged");
  expect(stateAfter(log, 7).tasks[0]).toEqual({ number: 1, title: "close the bridge", progress: "underway" });
});

it("what was drawn is on the map from then until it is erased", () => {
  const drawing = (number: number, at: string, erased_at: string | null) =>
    ({ number, at, erased_at }) as unknown as Drawing;
  const all = [drawing(1, "2026-11-30T08:00:00Z", "2026-11-30T08:10:00Z"), drawing(2, "2026-11-30T08:05:00Z", null)];
  const numbers = (at: string | undefined) => drawnBy(all, at).map((one) => one.number);
  expect(numbers("2026-11-30T08:04:00Z")).toEqual([1]);
  expect(numbers("2026-11-30T08:05:00Z")).toEqual([1, 2]);
  expect(numbers("2026-11-30T08:10:00Z")).toEqual([2]);
  expect(numbers(undefined)).toEqual([]);
});
