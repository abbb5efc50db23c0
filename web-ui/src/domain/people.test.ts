import { expect, it } from "vitest";
import type { Position } from "./command";
import { peopleAt, STALE_MS } from "./people";

it("who has not been heard of for two minutes is shown as such, and who shares no more not at all", () => {
  const now = Date.parse("2026-11-30T08:00:00Z");
  const one = (user: string, agoMs: number, untilMs = 60_000, place: Position["place"] = { lon: 116, lat: 24 }) =>
    ({
      user,
      name: user,
      place,
      accuracy_m: null,
      at: new Date(now - agoMs).toISOString(),
      until: new Date(now + untilMs).toISOString(),
    }) as unknown as Position;
  const people = peopleAt(
    [one("b", STALE_MS), one("a", STALE_MS - 1), one("gone", 0, 0), one("hidden", 0, 1, null), one("ahead", -5000)],
    now,
  );
  expect(people.map(({ user, stale, ageMs }) => [user, stale, ageMs])).toEqual([
    ["a", false, STALE_MS - 1],
    ["ahead", false, 0],
    ["b", true, STALE_MS],
  ]);
});
