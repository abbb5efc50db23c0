import { describe, expect, it, vi } from "vitest";
import type { EventQuery } from "../api/client";
import type { SightEvent } from "../domain/event";
import type { EventId } from "../domain/ids";
import { readEvents } from "./read-events";

const event = (n: number, more: Partial<SightEvent> = {}): SightEvent => ({
  id: `${n}` as EventId,
  kind: "motion",
  camera: null,
  start: "2026-11-23T12:00:00.000Z",
  end: null,
  count: 1,
  grade: "IV",
  snapshot: null,
  acknowledged: null,
  incident: null,
  ...more,
});
const seen = { by: "a", at: "2026-11-23T12:00:00.000Z", note: "" };
/** A journal of pages; a cursor is the number of the next page. */
const journal = (pages: SightEvent[][]) =>
  vi.fn(async (query: EventQuery) => {
    const at = Number(query.before ?? 0);
    return { ok: true as const, value: { events: pages[at] ?? [], next: at + 1 < pages.length ? `${at + 1}` : null } };
  });
const ids = (result: Awaited<ReturnType<typeof readEvents>>) =>
  result.ok ? result.value.events.map((one) => one.id) : null;

describe("events that wait for someone", () => {
  const pages = [
    [
      event(1, { acknowledged: seen }),
      event(2, { end: "2026-11-23T12:01:00.000Z" }),
      event(3, { repeats: "2" as EventId }),
    ],
    [event(4)],
  ];
  it("are those not acknowledged, over or not, the first of a series", async () => {
    const ask = journal(pages);
    expect(ids(await readEvents({ kind: "motion" }, true, null, ask))).toEqual(["2", "4"]);
    expect(ask.mock.calls.map(([query]) => [query.state, query.kind, query.before])).toEqual([
      ["all", "motion", undefined],
      ["all", "motion", "1"],
    ]);
  });
  it("all of them hold the acknowledged ones too", async () => {
    expect(ids(await readEvents({}, false, null, journal(pages)))).toEqual(["1", "2", "4"]);
    expect(ids(await readEvents({}, false, "1", journal(pages)))).toEqual(["4"]);
  });
  it("a screen is enough, and a long search stops where it can be gone on from", async () => {
    const full = journal([Array.from({ length: 60 }, (_, n) => event(n)), [event(99)]]);
    expect(await readEvents({}, true, null, full)).toMatchObject({ value: { next: "1" } });
    const seenOnly = journal(Array.from({ length: 40 }, (_, n) => [event(n, { acknowledged: seen })]));
    expect(await readEvents({}, true, null, seenOnly)).toMatchObject({ value: { events: [], next: "5" } });
    expect(seenOnly).toHaveBeenCalledTimes(5);
  });
  it("a problem is passed on", async () => {
    const problem = {
      ok: false as const,
      problem: { status: 500, code: "x", title: "x", detail: "", retryAfter: null },
    };
    expect(await readEvents({}, true, null, async () => problem)).toBe(problem);
  });
});
