import { expect, it, vi } from "vitest";
import type { LogEntry } from "../domain/command";
import { LogModel, PAGE } from "./log-model";

const entry = (n: number): LogEntry => ({
  n,
  at: "",
  by: "li",
  action: "note",
  from: null,
  to: null,
  note: `n${n}`,
  task: null,
  step: null,
  place: null,
  said_at: null,
  attachments: [],
  key: null,
  report: null,
});
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => entry(from + i));

it("the newest are there at once, what comes into view is asked for once", async () => {
  const ask = vi.fn(async (before: number) => ({ total: 950, entries: range(before - PAGE, before) }));
  const log = new LogModel(ask);
  log.take({ entries: 950, log: range(900, 950) });
  expect(log.get(949)?.note).toBe("n949");
  expect(log.get(10)).toBeUndefined();
  log.need(900, 949);
  expect(ask).not.toHaveBeenCalled();
  log.need(120, 180);
  log.need(120, 190);
  expect(ask).toHaveBeenCalledTimes(1);
  await vi.waitFor(() => expect(log.get(150)?.note).toBe("n150"));
  log.need(120, 190);
  expect(ask).toHaveBeenCalledTimes(1);
});

it("what others wrote in between is fetched, and an old answer takes nothing back", async () => {
  const ask = vi.fn(async () => ({ total: 30, entries: range(0, 30) }));
  const log = new LogModel(ask);
  log.take({ entries: 5, log: range(0, 5) });
  log.take({ entries: 30, log: range(22, 30) });
  expect(log.total.value).toBe(30);
  log.take({ entries: 5, log: range(0, 5) });
  expect(log.total.value).toBe(30);
  log.need(0, 29);
  await vi.waitFor(() => expect(log.get(10)).toBeDefined());
  expect(ask).toHaveBeenCalledTimes(1);
});

it("a page that did not come is asked for again", async () => {
  const ask = vi.fn(async () => null);
  const log = new LogModel(ask);
  log.take({ entries: 300, log: [] });
  log.need(0, 10);
  await vi.waitFor(() => expect(ask).toHaveBeenCalledTimes(1));
  log.need(0, 10);
  expect(ask).toHaveBeenCalledTimes(2);
});
