import { describe, expect, it } from "vitest";
import {
  Beat,
  DECODING_MS,
  keepsUp,
  modeOf,
  mustHold,
  PATIENCE_MS,
  Pace,
  SharedClock,
  type Standing,
} from "./shared-clock";

const at = (furthest: number | null, more: Partial<Standing> = {}): Standing => ({
  ready: furthest !== null,
  gap: false,
  furthest,
  spacing: 0,
  lag: 0,
  ...more,
});

describe("the shared clock", () => {
  it("stands until it is let go, runs at its rate, and keeps its place through every change", () => {
    const clock = new SharedClock(1000, 0);
    clock.setRate(2, 0);
    expect(clock.now(500)).toBe(1000);
    clock.hold(false, 500);
    expect(clock.now(600)).toBe(1200);
    clock.setRate(-4, 600);
    expect(clock.now(700)).toBe(800);
    clock.hold(true, 700);
    expect(clock.now(9000)).toBe(800);
    clock.hold(false, 9000);
    clock.jump(5000, 9000);
    expect(clock.now(9010)).toBe(4960);
    // A page that was away goes on where it was.
    clock.slip(3000);
    expect(clock.now(12_010)).toBe(4960);
  });

  it("knows what is sent at a rate", () => {
    expect([0, 0.25, 2, 3.9, 4, 16, -0.25, -8].map(modeOf)).toEqual([
      "all",
      "all",
      "all",
      "all",
      "keys",
      "keys",
      "back",
      "back",
    ]);
  });
});

describe("whether it has to stand", () => {
  it("at the beginning, until every camera that has a recording has its picture", () => {
    expect(mustHold([at(1), at(null)], 0, 1, true, 0)).toBe(true);
    expect(mustHold([at(1), at(1)], 0, 1, true, 0)).toBe(false);
    expect(mustHold([at(1), at(null, { gap: true })], 0, 1, true, 0)).toBe(false);
  });
  it("but not for one that does not come", () => {
    expect(mustHold([at(1), at(null)], 0, 1, true, PATIENCE_MS)).toBe(false);
    expect(mustHold([at(null), at(null)], 0, 1, true, PATIENCE_MS)).toBe(true);
  });
  it("once it stood for want of pictures, until there are some", () => {
    expect(mustHold([at(4600), at(4700)], 5000, 1, true, 0)).toBe(true);
    expect(mustHold([at(4600), at(4700)], 5000, 1, true, PATIENCE_MS)).toBe(true);
    expect(mustHold([at(4600), at(5100)], 5000, 1, true, PATIENCE_MS)).toBe(false);
    expect(mustHold([at(4600), at(4700)], 5000, 0, true, 0)).toBe(false);
  });
  it("where one of them cannot be decoded fast enough, until it has come near again", () => {
    expect(mustHold([at(9000), at(9000, { lag: 100 })], 5000, 1, false, 0)).toBe(false);
    expect(mustHold([at(9000), at(9000, { lag: 150 })], 5000, 1, false, 0)).toBe(true);
    expect(mustHold([at(9000), at(9000, { lag: 80 })], 5000, 1, true, 0)).toBe(true);
    expect(mustHold([at(9000), at(9000, { lag: 40 })], 5000, 1, true, 0)).toBe(false);
    expect(mustHold([at(9000), at(9000, { lag: 1500 })], 5000, 16, false, 0)).toBe(false);
    // Not for ever, where its decoder has stopped.
    expect(mustHold([at(9000), at(9000, { lag: 900 })], 5000, 1, true, PATIENCE_MS)).toBe(true);
    expect(mustHold([at(9000), at(9000, { lag: 900 })], 5000, 1, true, DECODING_MS)).toBe(false);
  });
  it("as soon as one of them has no more pictures, for all are to show the same moment", () => {
    expect(mustHold([at(0), at(9000)], 5000, 1, false, 0)).toBe(true);
    expect(mustHold([at(4900), at(9000)], 5000, 1, false, 0)).toBe(false);
    expect(mustHold([at(9000)], 5000, -1, false, 0)).toBe(true);
    expect(mustHold([at(0)], 5000, 0, false, 0)).toBe(false);
    expect(mustHold([at(0, { gap: true })], 5000, 1, false, 0)).toBe(false);
  });
  it("but not between pictures that are far apart", () => {
    expect(mustHold([at(4000, { spacing: 2000 }), at(9000)], 5900, 1, false, 0)).toBe(false);
    expect(mustHold([at(4000, { spacing: 2000 }), at(9000)], 6200, 1, false, 0)).toBe(true);
    // Sixteen times as fast, by key frames: the next one is late by the viewer's clock.
    expect(mustHold([at(40_000, { spacing: 2000 })], 43_000, 16, false, 0)).toBe(false);
    expect(mustHold([at(40_000, { spacing: 2000 })], 45_000, 16, false, 0)).toBe(true);
    expect(mustHold([at(90_000, { spacing: 2000, lag: 2000 })], 43_000, 16, false, 0)).toBe(false);
    expect(keepsUp(at(4000, { spacing: 2000 }), 5900, 1)).toBe(true);
    expect(keepsUp(at(4000, { spacing: 40 }), 5900, 1)).toBe(false);
  });
});

describe("the pace of players with clocks of their own", () => {
  /** Looks for so long at one who is so far behind. */
  const run = (pace: Pace, lag: number, from: number, ms: number): number => {
    for (let mono = from; mono < from + ms; mono += 40) pace.look(lag, mono);
    return pace.share;
  };
  it("begins where any machine comes along, and rises to the whole speed", () => {
    const pace = new Pace();
    pace.anew(2);
    expect(pace.share).toBe(1);
    pace.anew(9);
    expect(pace.share).toBe(0.5);
    expect(run(pace, 0, 1000, 3000)).toBe(1);
  });
  it("falls while one is behind, never to a stand, and rises slowly then", () => {
    const pace = new Pace();
    pace.anew(9);
    expect(run(pace, 100, 1000, 1000)).toBeLessThan(0.5);
    expect(run(pace, 500, 2000, 60_000)).toBeGreaterThan(0.05);
    const low = pace.share;
    expect(run(pace, 0, 62_000, 1000)).toBeLessThan(low * 1.5);
    expect(run(pace, 0, 63_000, 60_000)).toBe(1);
  });
  it("is left alone where it is neither good nor bad", () => {
    const pace = new Pace();
    pace.anew(9);
    expect(run(pace, 45, 1000, 5000)).toBe(0.5);
  });
  it("goes down once for one stumble", () => {
    const pace = new Pace();
    pace.anew(1);
    pace.stumble(1000);
    const share = pace.share;
    expect(share).toBeLessThan(1);
    pace.stumble(1100);
    expect(pace.share).toBe(share);
  });
  it("is what a clock goes at", () => {
    const clock = new SharedClock(1000, 0);
    clock.setRate(2, 0);
    clock.hold(false, 0);
    clock.setPace(0.5, 100);
    expect(clock.now(100)).toBe(1200);
    expect(clock.now(200)).toBe(1300);
  });
});

describe("a beat", () => {
  const NONE = Number.POSITIVE_INFINITY;
  it("lies as far ahead as making the last one ready took", () => {
    const beat = new Beat();
    expect(beat.to).toBeNull();
    // At the beginning nothing is known: what the first pictures took is not counted.
    beat.ready(60_000);
    expect(beat.next(0, 16, 0, NONE)).toBe(1600);
    for (let n = 1; n < 20; n++) {
      beat.ready(n * 1000 + 300);
      beat.next(n * 1000, 16, n * 1000, NONE);
      beat.ready(n * 1000 + 300);
    }
    expect(beat.next(0, 16, 20_000, NONE)).toBeCloseTo(4800, -1);
    // One that took minutes is no measure.
    beat.ready(200_000);
    expect(beat.next(0, 16, 200_000, NONE)).toBeLessThanOrEqual(16_000);
  });
  it("does not lie beyond what is here, nor behind the moment", () => {
    const beat = new Beat();
    expect(beat.next(1000, 16, 0, 2000)).toBe(2000);
    expect(beat.next(1000, 16, 0, 500)).toBe(1000);
    expect(beat.next(1000, -4, 0, 900)).toBe(900);
    expect(beat.next(1000, -4, 0, 1500)).toBe(1000);
    expect(beat.next(1000, -4, 0, Number.NEGATIVE_INFINITY)).toBe(600);
    beat.anew();
    expect(beat.to).toBeNull();
  });
});
