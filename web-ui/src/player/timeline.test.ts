import { describe, expect, it } from "vitest";
import { mediaSeconds, mediaTicks, utcMicros } from "../domain/ids";
import { FeedTimeline } from "./timeline";

const STEP = 3600;
const frame = (ticks: number, key = false) => ({ mediaTime: mediaTicks(ticks), key, discontinuity: false });

/** Plays frames through and gives the element's times. */
function run(line: FeedTimeline, frames: readonly (readonly [ticks: number, key: boolean])[]): number[] {
  return frames.map(([ticks, key]) => {
    const offset = line.offsetFor(frame(ticks, key));
    line.appended(mediaTicks(ticks), utcMicros(ticks));
    return ticks / 90_000 + offset;
  });
}

describe("the element's time has no holes", () => {
  it("starts at zero wherever the feed stands", () => {
    const [first, second] = run(new FeedTimeline(), [
      [9_000_000, true],
      [9_003_600, false],
    ]);
    expect(first).toBe(0);
    expect(second).toBeCloseTo(0.04, 9);
  });
  it.each([
    ["forward over skipped groups", 500_000],
    ["backward after a restart", -900_000],
  ])("closes a jump %s", (_name, jump) => {
    const line = new FeedTimeline();
    const start = 1_000_000;
    const times = run(line, [
      [start, true],
      [start + STEP, false],
      [start + 2 * STEP, false],
      [start + 2 * STEP + jump, true],
      [start + 3 * STEP + jump, false],
    ]);
    times.forEach((time, i) => expect(time).toBeCloseTo(i * 0.04, 6));
  });
  it("leaves frames that are out of order alone", () => {
    const line = new FeedTimeline();
    const times = run(line, [
      [0, true],
      [3 * STEP, false],
      [STEP, false],
      [2 * STEP, false],
      [4 * STEP, true],
    ]);
    expect(times.at(-1)).toBeCloseTo(0.16, 6);
  });
  it("says beforehand that a piece will move it", () => {
    const line = new FeedTimeline();
    run(line, [[0, true]]);
    expect(line.moves(frame(STEP, true), null)).toBe(false);
    expect(line.moves(frame(900_000, true), null)).toBe(true);
    expect(line.moves(frame(900_000, true), mediaTicks(900_000 - STEP))).toBe(false);
    expect(line.moves(frame(900_000, false), null)).toBe(false);
  });
});

describe("capture times", () => {
  it("are found for a shown time, and between two frames", () => {
    const line = new FeedTimeline();
    line.offsetFor(frame(90_000, true));
    line.appended(mediaTicks(90_000), utcMicros(5_000_000));
    expect(line.captureAt(mediaSeconds(0))).toBe(5_000_000);
    expect(line.captureAt(mediaSeconds(0.02))).toBeCloseTo(5_020_000, 0);
  });
  it("are unknown far from any frame", () => {
    const line = new FeedTimeline();
    line.offsetFor(frame(0, true));
    line.appended(mediaTicks(0), utcMicros(1));
    expect(line.captureAt(mediaSeconds(60))).toBeNull();
  });
});
