import { expect, it } from "vitest";
import type { LogEntry } from "../domain/command";
import { countAt, stateAfter } from "./replay-state";

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
