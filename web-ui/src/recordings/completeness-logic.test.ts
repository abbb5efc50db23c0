import { describe, expect, it } from "vitest";
import { cameraCode, regionCode } from "../domain/ids";
import type { Completeness } from "../domain/recording";
import type { Region } from "../domain/region";
import { csv, csvField, shortShare, sum, tableOf, toneOf } from "./completeness-logic";

const DAY = 86_400_000;
const T = Date.parse("2026-11-24T00:00:00+08:00");
const day = (n: number, planned: number, recorded: number, code = "no-route") => ({
  start: new Date(T + n * DAY).toISOString(),
  planned_ms: planned,
  recorded_ms: recorded,
  share: planned ? recorded / planned : null,
  missing: planned > recorded ? [{ code, gaps: 1, ms: planned - recorded }] : [],
});
const camera = (n: number, region: string, days: ReturnType<typeof day>[]) => ({
  camera: cameraCode(`4414030000132000000${n}`),
  name: `C${n}`,
  region: regionCode(region),
  planned_ms: 0,
  recorded_ms: 0,
  share: null,
  missing: [],
  days,
});
const answer: Completeness = {
  region: regionCode("441403"),
  from: "",
  to: "",
  planned_ms: 0,
  recorded_ms: 0,
  share: null,
  cameras: [
    camera(1, "441403102201", [day(0, 1000, 1000), day(1, 1000, 900)]),
    camera(2, "441403102", [day(0, 1000, 500, "disk-full"), day(1, 1000, 1000)]),
    camera(3, "441403103", [day(1, 1000, 1000)]),
  ],
};
const region = (code: string, parent: string | null): Region => ({
  code: regionCode(code),
  name: code,
  parent: parent === null ? null : regionCode(parent),
  level: "town",
});
const regions = [
  region("441403", null),
  region("441403102", "441403"),
  region("441403103", "441403"),
  region("441403104", "441403"),
  region("441403102201", "441403102"),
];

describe("the table", () => {
  const table = tableOf(answer, regions, regionCode("441403"), "worst");
  it("has a row a region that has cameras, then a row a camera, the worst first", () => {
    expect(table.rows.map((row) => row.name)).toEqual(["441403102", "441403103", "C2", "C1", "C3"]);
    expect(table.days).toEqual([T, T + DAY]);
    const [town] = table.rows;
    expect(town?.cells.map((cell) => cell.share)).toEqual([0.75, 0.95]);
    expect(town?.total.missing.map((one) => one.code)).toEqual(["disk-full", "no-route"]);
    expect(table.total.share).toBeCloseTo(4400 / 5000, 9);
    expect(table.below).toBe(1);
  });
  it("a day on which nothing was planned is not a hundred per cent", () => {
    const row = table.rows.find((one) => one.name === "C3");
    expect(row?.cells[0]).toMatchObject({ share: null, planned: 0 });
  });
  it("goes down to a town and its villages", () => {
    const inside = { ...answer, cameras: answer.cameras.slice(0, 2) };
    const rows = tableOf(inside, regions, regionCode("441403102"), "name").rows;
    expect(rows.map((row) => row.name)).toEqual(["441403102201", "C1", "C2"]);
  });
  it("a sum of nothing has no share", () => expect(sum([]).share).toBeNull());
});

it("a hundred is said only of what is whole", () => {
  expect([1, 0.99999, 0.9991, 0.995, 0.987, 0.5, 0, null].map(shortShare)).toEqual([
    "100",
    "99.9",
    "99.9",
    "99.5",
    "98",
    "50",
    "0",
    "·",
  ]);
  expect([1, 0.99, 0.96, 0.9, 0.2, null].map(toneOf)).toEqual(["whole", "good", "fair", "poor", "bad", "none"]);
});

describe("CSV", () => {
  it("keeps quotes, and never starts a formula", () => {
    expect(csvField('a "b", c')).toBe('"a ""b"", c"');
    expect(csvField("=1+1")).toBe("'=1+1");
  });
  it("has a line a camera with its days and reasons", () => {
    const table = tableOf(answer, regions, regionCode("441403"), "name");
    const text = csv(table, {
      head: ["camera", "code", "region", "share", "reasons"],
      day: (ms) => new Date(ms + 8 * 3_600_000).toISOString().slice(0, 10),
      regionOf: (code) => code,
      reason: (code) => code,
    });
    const lines = text.trimEnd().split("\r\n");
    expect(lines).toHaveLength(4);
    expect(lines[0]).toBe("\uFEFFcamera,code,region,share,2026-11-24,2026-11-25,reasons");
    expect(lines[1]).toBe('C1,"\t44140300001320000001",441403102201,95.00,100.00,90.00,no-route 0 s');
    expect(lines[3]).toContain(",100.00,,100.00,");
  });
});
