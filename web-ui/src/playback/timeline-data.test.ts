import { describe, expect, it } from "vitest";
import { cameraCode, eventId } from "../domain/ids";
import type { Recordings } from "../domain/recording";
import { type Ask, chunksOf, contentOf, LEVELS, levelOf, TimelineData } from "./timeline-data";
import { amount, happenings, here, holeStarts, near, step } from "./timeline-look";

const CODE = cameraCode("44140300001320000001");
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = Date.parse("2026-11-25T12:00:00Z");
const iso = (ms: number) => new Date(ms).toISOString();

/** Recorded the whole time but for one hour in every four; an event in every hour. */
function answer(from: string, to: string): Recordings {
  const [a, b] = [Date.parse(from), Date.parse(to)];
  const spans = [];
  const gaps = [];
  const marks = [];
  for (let at = Math.floor(a / HOUR) * HOUR; at < b; at += HOUR) {
    const [start, end] = [iso(Math.max(a, at)), iso(Math.min(b, at + HOUR))];
    if ((at / HOUR) % 4 === 3) gaps.push({ start, end, reason: { code: "no-route", text: "" } });
    else spans.push({ start, end, bytes: 3600, missing_ms: 36_000 });
    const mark = iso(at + 60_000);
    marks.push({ start: mark, end: mark, kind: "motion" as const, count: 2, event: eventId(`e${at}`) });
  }
  return { camera: CODE, from, to, spans, gaps, events: [], marks };
}

function world(now = NOW) {
  const asked: string[] = [];
  const waiting: (() => void)[] = [];
  let clock = now;
  let changes = 0;
  const ask: Ask = (code, from, to, resolution) =>
    new Promise((done) => {
      asked.push(`${code.slice(-2)} ${from} ${to} ${resolution}`);
      waiting.push(() => done({ ok: true, value: answer(from, to) }));
    });
  const data = new TimelineData(
    ask,
    () => {
      changes += 1;
    },
    () => clock,
  );
  const settle = async () => {
    while (waiting.length > 0) {
      waiting.shift()?.();
      for (let i = 0; i < 6; i++) await Promise.resolve();
    }
  };
  return {
    data,
    asked,
    waiting,
    settle,
    pass: (ms: number) => {
      clock += ms;
    },
    changes: () => changes,
  };
}

describe("levels", () => {
  it("a month is coarse, ten seconds are to the frame, and no chunk has more steps than the gateway answers", () => {
    expect(LEVELS[levelOf({ from: NOW - 30 * DAY, to: NOW }, 1900)]?.resolutionMs).toBe(900_000);
    expect(LEVELS[levelOf({ from: NOW - 10_000, to: NOW }, 1900)]?.resolutionMs).toBeNull();
    for (const level of LEVELS)
      expect(level.chunkMs / (level.resolutionMs ?? level.chunkMs)).toBeLessThanOrEqual(10_000);
  });
  it("the future is not asked for", () => {
    expect(chunksOf({ from: NOW + 1000, to: NOW + DAY }, 0, NOW)).toEqual([]);
    expect(chunksOf({ from: NOW - DAY, to: NOW + DAY }, 1, NOW)).toHaveLength(2);
  });
});

describe("what was read", () => {
  it("is asked for once, is there for every view of it, and again when it may have grown", async () => {
    const { data, asked, settle, pass, changes } = world();
    const view = { from: NOW - 30 * DAY, to: NOW };
    data.want([CODE], view, 1900);
    data.want([CODE], view, 1900);
    expect(data.isKnown([CODE], view, 1900)).toBe(false);
    await settle();
    expect(data.isKnown([CODE], view, 1900)).toBe(true);
    const first = asked.length;
    expect(first).toBeLessThanOrEqual(2);
    expect(changes()).toBe(first);
    data.want([CODE], { from: NOW - 29 * DAY, to: NOW - DAY }, 1900);
    expect(asked).toHaveLength(first);
    pass(11_000);
    data.want([CODE], view, 1900);
    await settle();
    // Only the chunk that reaches into the present.
    expect(asked).toHaveLength(first + 1);
  });
  it("shows the coarse while the fine is on its way, and the fine then", async () => {
    const { data, settle, waiting } = world();
    data.want([CODE], { from: NOW - 30 * DAY, to: NOW }, 1900);
    await settle();
    const close = { from: NOW - 2 * DAY, to: NOW - 2 * DAY + HOUR };
    data.want([CODE], close, 1900);
    expect(waiting.length).toBeGreaterThan(0);
    const coarse = data.parts(CODE, close, 1900);
    expect(coarse.map((part) => [part.from, part.to])).toEqual([[close.from, close.to]]);
    await settle();
    const fine = data.parts(CODE, close, 1900);
    expect(fine.at(0)?.from).toBe(close.from);
    expect(fine.at(-1)?.to).toBe(close.to);
  });
  it("parts neither overlap nor leave out what is known", async () => {
    const { data, settle } = world();
    data.want([CODE], { from: NOW - 3 * HOUR, to: NOW }, 1900);
    await settle();
    data.want([CODE], { from: NOW - 20 * DAY, to: NOW }, 1900);
    await settle();
    for (const view of [
      { from: NOW - 5 * DAY, to: NOW },
      { from: NOW - 6 * HOUR, to: NOW - HOUR },
    ]) {
      const parts = data.parts(CODE, view, 1900);
      let at = view.from;
      for (const part of parts) {
        expect(part.from).toBe(at);
        expect(part.to).toBeGreaterThan(part.from);
        at = part.to;
      }
      expect(at).toBe(view.to);
    }
  });
  it("an earlier view's questions that were not sent are dropped, and what is kept is bounded", async () => {
    const { data, asked, settle } = world();
    const codes = Array.from({ length: 9 }, (_, i) => cameraCode(`4414030000132000000${i}`));
    data.want(codes, { from: NOW - 20 * DAY, to: NOW }, 1900);
    data.want([CODE], { from: NOW - HOUR, to: NOW }, 1900);
    await settle();
    expect(asked.length).toBeLessThanOrEqual(6 + 2);
    for (let n = 0; n < 60; n++) {
      data.want(codes, { from: NOW - (n + 1) * DAY, to: NOW - (n + 1) * DAY + HOUR }, 1900);
      await settle();
    }
    expect(data.size).toBeLessThanOrEqual(180);
  });
  it("a failure is said, and asked again", async () => {
    let fail = true;
    const data = new TimelineData(
      async (_, from, to) => (fail ? { ok: false } : { ok: true, value: answer(from, to) }),
      () => undefined,
      () => NOW,
    );
    const view = { from: NOW - HOUR, to: NOW };
    data.want([CODE], view, 1000);
    await new Promise((done) => setTimeout(done));
    expect(data.failed).toBe(true);
    fail = false;
    data.want([CODE], view, 1000);
    await new Promise((done) => setTimeout(done));
    expect(data.failed).toBe(false);
    expect(data.parts(CODE, view, 1000)).not.toEqual([]);
  });
});

describe("looking at it", () => {
  const midnight = Date.parse("2026-11-24T00:00:00Z");
  const content = contentOf(answer(iso(midnight), iso(midnight + 8 * HOUR)));
  const parts = [
    { from: midnight, to: midnight + 3.5 * HOUR, content },
    { from: midnight + 3.5 * HOUR, to: midnight + 8 * HOUR, content },
  ];
  it("says what is at a moment", () => {
    expect(here(parts, midnight + HOUR).kind).toBe("recorded");
    const gap = here(parts, midnight + 3.2 * HOUR);
    expect(gap.kind === "hole" && gap.hole.reason?.code).toBe("no-route");
    expect(here(parts, midnight + 9 * HOUR).kind).toBe("unknown");
  });
  it("a gap that goes on in the next part is one", () => {
    expect(holeStarts(parts)).toEqual([midnight + 3 * HOUR, midnight + 7 * HOUR]);
  });
  it("steps from one to the next and back, and not to where it stands", () => {
    const starts = holeStarts(parts);
    expect(step(starts, midnight, 1)).toBe(midnight + 3 * HOUR);
    expect(step(starts, midnight + 3 * HOUR, 1)).toBe(midnight + 7 * HOUR);
    expect(step(starts, midnight + 7 * HOUR, 1)).toBeNull();
    expect(step(starts, midnight + 7 * HOUR, -1)).toBe(midnight + 3 * HOUR);
  });
  it("shows an event once, only of the groups that are on, and finds the nearest", () => {
    const all = happenings(parts, new Set(["motion"] as const));
    expect(all).toHaveLength(8);
    expect(happenings(parts, new Set(["people"] as const))).toEqual([]);
    expect(near(all, midnight + 61_000, 5000)[0]?.from).toBe(midnight + 60_000);
    expect(near(all, midnight + 10 * 60_000, 5000)).toEqual([]);
  });
  it("estimates what a range holds, less what is missing in it", () => {
    const whole = amount(parts, { from: midnight, to: midnight + 4 * HOUR });
    expect(whole.bytes).toBe(3 * 3600);
    expect(whole.recordedMs).toBe(3 * (HOUR - 36_000));
    expect(amount(parts, { from: midnight + HOUR / 2, to: midnight + HOUR }).bytes).toBe(1800);
  });
});
