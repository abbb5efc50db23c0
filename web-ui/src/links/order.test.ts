import { describe, expect, it } from "vitest";
import type { Link } from "../domain/link";
import { bar, inUse, minutesOf, rows, stateOf, timeOf } from "./order";

const link = (id: string, up: string | null, more: Partial<Link> = {}): Link => ({
  id,
  name: id,
  level: "town",
  up,
  capacity_bps: 100e6,
  share: 0.6,
  share_now: 0.6,
  schedule: [],
  via: null,
  said: "configuration",
  revision: 0,
  budget_bps: 60e6,
  reserved_bps: 0,
  measured_bps: 0,
  pulls: [],
  refused: 0,
  refused_by: {},
  gave_way: 0,
  corrected: 0,
  ...more,
});
const district = link("441403", null);
const town = link("441403102", "441403");
const village = link("441403102201", "441403102", { refused: 2 });
const detour = link("441403103201", "441403102");
const all = [detour, village, town, district];
const ids = (open: string[], only?: (link: Link) => boolean) =>
  rows(all, new Set(open), only).map((row) => `${row.depth}:${row.link.id}`);

describe("the tree of links", () => {
  it("shows what is open, a detour under where it leads", () => {
    expect(ids([])).toEqual(["0:441403"]);
    expect(ids(["441403", "441403102"])).toEqual(["0:441403", "1:441403102", "2:441403102201", "2:441403103201"]);
  });
  it("with a filter shows what fits and what leads there", () => {
    expect(ids([], inUse)).toEqual(["0:441403", "1:441403102", "2:441403102201"]);
    expect(ids([], () => false)).toEqual([]);
  });
  it("does not go round for ever", () => {
    const a = link("441403", "441404");
    const b = link("441404", "441403");
    expect(rows([a, b], new Set(["441403", "441404"])).length).toBe(0);
  });
});

describe("figures", () => {
  it("are shares of the budget, or of what is used where that is more", () => {
    expect(bar(link("1", null, { measured_bps: 15e6, reserved_bps: 30e6 }))).toEqual({
      used: 0.25,
      reserved: 0.5,
      limit: 1,
    });
    expect(bar(link("1", null, { measured_bps: 120e6 })).limit).toBe(0.5);
    expect(bar(link("1", null, { budget_bps: 0 })).limit).toBe(0);
  });
  it("say how a link is", () => {
    expect(stateOf(link("1", null, { budget_bps: 0 }))).toBe("closed");
    expect(stateOf(link("1", null, { measured_bps: 61e6 }))).toBe("over");
    expect(stateOf(link("1", null, { reserved_bps: 54e6 }))).toBe("full");
    expect(stateOf(link("1", null))).toBe("well");
  });
  it("times go there and back, a day's end too", () => {
    expect(timeOf(485)).toBe("08:05");
    expect(minutesOf("08:05")).toBe(485);
    expect(minutesOf(timeOf(1440), true)).toBe(1440);
  });
});
