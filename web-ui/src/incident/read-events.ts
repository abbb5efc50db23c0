/** Pages of events as a person means them: the first of each series, and, where asked, those that nobody has acknowledged. */
import type { EventQuery } from "../api/client";
import type { Result } from "../api/http";
import type { SightEvent } from "../domain/event";

/** Enough for a screen. */
const WANTED = 50;
const PAGE = 200;
/** A filter that finds little must not read the whole journal at once; "load earlier" goes on from there. */
const MOST_PAGES = 5;

interface Answer {
  readonly events: SightEvent[];
  readonly next: string | null;
}

/**
 * The gateway's `state=open` means events that still go on. Whether somebody has looked at one is another matter, and sorted
 * out here.
 */
export async function readEvents(
  query: EventQuery,
  waiting: boolean,
  before: string | null,
  ask: (query: EventQuery) => Promise<Result<Answer>>,
): Promise<Result<Answer>> {
  const found: SightEvent[] = [];
  let next = before;
  for (let page = 0; page < MOST_PAGES; page++) {
    const result = await ask({ ...query, state: "all", limit: PAGE, ...(next ? { before: next } : {}) });
    if (!result.ok) return result;
    found.push(...result.value.events.filter((one) => !one.repeats && !(waiting && one.acknowledged)));
    next = result.value.next;
    if (next === null || found.length >= WANTED) break;
  }
  return { ok: true, value: { events: found, next } };
}
