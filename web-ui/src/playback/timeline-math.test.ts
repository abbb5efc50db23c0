import { describe, expect, it } from "vitest";
import { cameraCode } from "../domain/ids";
import type { Recordings } from "../domain/recording";
import {
  clamp,
  follow,
  LEAST_MS,
  lengthen,
  lookUp,
  MOST_MS,
  mediaOf,
  opening,
  range,
  ticks,
  timeAt,
  wallOf,
  xAt,
  zoom,
} from "./timeline-math";

const T = Date.parse("2026-11-23T12:00:00Z");
const iso = (s: number) => new Date(T + s * 1000).toISOString();
const recordings: Recordings = {
  camera: cameraCode("44140300001320000001"),
  from: iso(-3600),
  to: iso(3600),
  spans: [
    { start: iso(0), end: iso(600) },
    { start: iso(660), end: iso(1200) },
  ],
  gaps: [{ start: iso(600), end: iso(660), reason: { code: "no-packets", text: "" } }],
  events: [],
};

describe("window", () => {
  const view = { from: T, to: T + 3_600_000 };
  it("places and times are inverse", () => {
    for (const x of [0, 17, 500, 999]) expect(xAt(view, timeAt(view, x, 1000), 1000)).toBeCloseTo(x, 6);
  });
  it("zooms around what is under the pointer", () => {
    const anchor = T + 900_000;
    const closer = zoom(view, 0.5, anchor);
    expect(xAt(closer, anchor, 1000)).toBeCloseTo(250, 6);
    expect(closer.to - closer.from).toBe(1_800_000);
  });
  it("keeps between ten seconds and a month", () => {
    expect(zoom(view, 1e-9, T).to - zoom(view, 1e-9, T).from).toBeCloseTo(LEAST_MS, 3);
    expect(zoom(view, 1e9, T).to - zoom(view, 1e9, T).from).toBeCloseTo(MOST_MS, 3);
  });
  it("follows only at the margins", () => {
    expect(follow(view, T + 1_800_000)).toBe(view);
    expect(follow(view, view.to).to).toBe(view.to + 360_000);
    expect(follow(view, T).from).toBe(T - 360_000);
  });
  it.each([LEAST_MS, 60_000, 3_600_000, 86_400_000, 7 * 86_400_000, MOST_MS])("ticks over %i ms", (length) => {
    const zone = 8 * 3_600_000;
    const shown = { from: T + 1234, to: T + 1234 + length };
    const { step, at, between, midnights } = ticks(shown, 1200, 80, () => zone);
    expect(at.length).toBeGreaterThan(1);
    for (const time of at) expect((time + zone) % step).toBe(0);
    for (const time of midnights) expect((time + zone) % 86_400_000).toBe(0);
    expect((step / length) * 1200).toBeGreaterThanOrEqual(80);
    expect(midnights.length).toBe(Math.floor((shown.to + zone) / 864e5) - Math.floor((shown.from + zone) / 864e5));
    const all = [...at, ...between];
    expect(new Set(all).size).toBe(all.length);
    expect(all.every((time) => time >= shown.from && time <= shown.to)).toBe(true);
  });
  it("midnights stay midnights where clocks are put forward", () => {
    const change = T + 36 * 3_600_000;
    const zone = (time: number) => (time < change ? 3_600_000 : 7_200_000);
    const { midnights } = ticks({ from: T, to: T + 5 * 86_400_000 }, 1200, 80, zone);
    for (const time of midnights) expect((time + zone(time)) % 86_400_000).toBe(0);
    expect(midnights).toHaveLength(5);
  });
  it("another length keeps what is looked at where it is", () => {
    const anchor = T + 900_000;
    const day = lengthen(view, 86_400_000, anchor);
    expect(day.to - day.from).toBe(86_400_000);
    expect(xAt(day, anchor, 1000)).toBeCloseTo(250, 6);
    expect((lengthen(view, 60_000, T - 1).from + lengthen(view, 60_000, T - 1).to) / 2).toBeCloseTo(T + 1_800_000, 3);
  });
  it("shows little of the future", () => {
    expect(clamp(view, T)).toEqual({ from: T - 3_168_000, to: T + 432_000 });
    expect(clamp(view, T + 3_600_000)).toBe(view);
  });
});

describe("files and wall time", () => {
  const pieces = [
    { media_start_s: 0, start: iso(0), end: iso(60) },
    { media_start_s: 60, start: iso(120), end: iso(180) },
  ];
  it("maps there and back over a gap", () => {
    for (const s of [0, 30, 59.5, 120, 150]) {
      expect(wallOf(pieces, mediaOf(pieces, T + s * 1000) ?? -1)).toBeCloseTo(T + s * 1000, 3);
    }
  });
  it("a moment in the gap is the start of what follows", () => expect(mediaOf(pieces, T + 90_000)).toBe(60));
  it("after the end there is nothing", () => expect(mediaOf(pieces, T + 181_000)).toBeNull());
  it("before the start it is the start", () => expect(mediaOf(pieces, T - 5000)).toBe(0));
  it("never shows a time past a piece's end", () => expect(wallOf(pieces, 400)).toBe(T + 180_000));
  it("an empty map has no times", () => expect(wallOf([], 1)).toBeNull());
});

describe("what there is of a moment", () => {
  it("recorded, gap with its reason and what follows, unknown", () => {
    expect(lookUp(recordings, T + 10_000)).toEqual({ kind: "recorded" });
    expect(lookUp(recordings, T + 630_000)).toEqual({ kind: "gap", code: "no-packets", next: T + 660_000 });
    expect(lookUp(recordings, T + 1_300_000)).toEqual({ kind: "gap", code: null, next: null });
    expect(lookUp(recordings, T + 7_200_000)).toEqual({ kind: "unknown" });
    expect(lookUp(null, T)).toEqual({ kind: "unknown" });
  });
  it("opens ten minutes before the newest, or where the recording starts", () => {
    expect(opening(recordings, 120_000)).toBe(T + 1_080_000);
    expect(opening(recordings, 570_000)).toBe(T + 660_000);
    expect(opening(recordings, 86_400_000)).toBe(T);
    expect(opening({ ...recordings, spans: [] }, 1000)).toBeNull();
  });
  it("a selection is in order, and not a click", () => {
    expect(range(T + 5000, T)).toEqual({ from: T, to: T + 5000 });
    expect(range(T, T + 300)).toBeNull();
  });
});
