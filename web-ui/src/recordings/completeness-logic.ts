/** Completeness as a table: rows of regions and cameras, a column a day; sums that hide nothing; CSV. No DOM. */
import type { CameraCode, RegionCode } from "../domain/ids";
import type { CompleteDay, Completeness, Missing } from "../domain/recording";
import type { Region } from "../domain/region";

export interface Cell {
  /** Milliseconds. */
  readonly planned: number;
  readonly recorded: number;
  /** `null` where nothing was to be recorded. */
  readonly share: number | null;
  readonly missing: readonly Missing[];
}
export interface Row {
  readonly kind: "region" | "camera";
  readonly code: RegionCode | CameraCode;
  readonly name: string;
  readonly region: RegionCode;
  readonly cameras: number;
  /** A cell a day, in the order of `Table.days`. */
  readonly cells: readonly Cell[];
  readonly total: Cell;
}
export interface Table {
  /** Local midnights, ms. */
  readonly days: readonly number[];
  readonly rows: readonly Row[];
  readonly total: Cell;
  /** Cameras below the share that a project is accepted by. */
  readonly below: number;
}
export const ACCEPTED = 0.95;
const NOTHING: Cell = { planned: 0, recorded: 0, share: null, missing: [] };

export function sum(cells: readonly Cell[]): Cell {
  const planned = cells.reduce((all, one) => all + one.planned, 0);
  const recorded = cells.reduce((all, one) => all + one.recorded, 0);
  const by = new Map<string, { gaps: number; ms: number }>();
  for (const { code, gaps, ms } of cells.flatMap((one) => one.missing)) {
    const old = by.get(code) ?? { gaps: 0, ms: 0 };
    by.set(code, { gaps: old.gaps + gaps, ms: old.ms + ms });
  }
  const missing = [...by.entries()].map(([code, one]) => ({ code, ...one })).sort((a, b) => b.ms - a.ms);
  return { planned, recorded, share: planned > 0 ? recorded / planned : null, missing };
}

const cellOf = (day: CompleteDay | undefined): Cell =>
  day ? { planned: day.planned_ms, recorded: day.recorded_ms, share: day.share, missing: day.missing } : NOTHING;

export type Sort = "worst" | "name";

/** Regions right below one, then its cameras; all of them, also those further below. */
export function tableOf(answer: Completeness, regions: readonly Region[], at: RegionCode, sort: Sort): Table {
  const starts = new Set(answer.cameras.flatMap((one) => (one.days ?? []).map((day) => Date.parse(day.start))));
  const days = [...starts].sort((a, b) => a - b);
  const cameras: Row[] = answer.cameras.map((one) => {
    const by = new Map((one.days ?? []).map((day) => [Date.parse(day.start), day]));
    const cells = days.map((day) => cellOf(by.get(day)));
    return {
      kind: "camera",
      code: one.camera,
      name: one.name,
      region: one.region,
      cameras: 1,
      cells,
      total: sum(cells),
    };
  });
  const below: Row[] = [];
  for (const region of regions.filter((one) => one.parent === at)) {
    const inside = cameras.filter((one) => one.region.startsWith(region.code));
    if (inside.length === 0) continue;
    const cells = days.map((_, i) => sum(inside.map((one) => one.cells[i] ?? NOTHING)));
    below.push({
      kind: "region",
      code: region.code,
      name: region.name,
      region: region.code,
      cameras: inside.length,
      cells,
      total: sum(cells),
    });
  }
  const order = (a: Row, b: Row) =>
    (sort === "worst" ? (a.total.share ?? 2) - (b.total.share ?? 2) : 0) || a.name.localeCompare(b.name, "zh");
  return {
    days,
    rows: [...below.sort(order), ...cameras.sort(order)],
    total: sum(cameras.map((one) => one.total)),
    below: cameras.filter((one) => one.total.share !== null && one.total.share < ACCEPTED).length,
  };
}

export type Tone = "none" | "whole" | "good" | "fair" | "poor" | "bad";
/** How a share is shown: what is well is quiet. */
export function toneOf(share: number | null): Tone {
  if (share === null) return "none";
  if (share >= 0.9995) return "whole";
  if (share >= 0.98) return "good";
  if (share >= ACCEPTED) return "fair";
  return share >= 0.5 ? "poor" : "bad";
}

/** Three digits at most, and 100 only where nothing is missing. */
export function shortShare(share: number | null): string {
  if (share === null) return "·";
  if (share >= 1) return "100";
  const percent = share * 100;
  return percent >= 99.95 ? "99.9" : percent >= 99 ? percent.toFixed(1) : String(Math.floor(percent));
}

/** Fields as RFC 4180 has them; what a spreadsheet would take for a formula is kept a text. */
export function csvField(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export interface CsvWords {
  readonly head: readonly [camera: string, code: string, region: string, share: string, reasons: string];
  readonly day: (ms: number) => string;
  readonly regionOf: (code: RegionCode) => string;
  readonly reason: (code: string) => string;
}

/** A line a camera: its days as per cent, all of them together, and why the rest is missing. With a BOM, for spreadsheets. */
export function csv(table: Table, words: CsvWords): string {
  const percent = (share: number | null) => (share === null ? "" : (Math.floor(share * 1e4) / 100).toFixed(2));
  const [camera, code, region, share, reasons] = words.head;
  const lines = [[camera, code, region, share, ...table.days.map(words.day), reasons]];
  for (const row of table.rows) {
    if (row.kind !== "camera") continue;
    const why = row.total.missing.map((one) => `${words.reason(one.code)} ${Math.round(one.ms / 1000)} s`).join("; ");
    // A code of 20 digits would lose its last ones as a number.
    lines.push([
      row.name,
      `\t${row.code}`,
      words.regionOf(row.region),
      percent(row.total.share),
      ...row.cells.map((cell) => percent(cell.share)),
      why,
    ]);
  }
  const field = (text: string) => (text.startsWith("\t") ? `"${text}"` : csvField(text));
  return `\uFEFF${lines.map((line) => line.map(field).join(",")).join("\r\n")}\r\n`;
}
