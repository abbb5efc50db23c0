/** How a live element is kept near the end of what has arrived. Pure: figures in, one action out. */

export interface Range {
  readonly start: number;
  readonly end: number;
}
export interface EdgeInput {
  readonly currentTime: number;
  readonly rate: number;
  readonly ranges: readonly Range[];
  /** Milliseconds since the element's time last moved. */
  readonly stalledMs: number;
  /** Whether it has been at the edge before. Until then it runs up to it. */
  readonly settled: boolean;
}
export type EdgeAction =
  | { readonly kind: "none" }
  | { readonly kind: "rate"; readonly rate: number }
  | { readonly kind: "seek"; readonly to: number };

export const EDGE = {
  /** Where a seek lands behind the edge, seconds: the middle of 0.3 to 0.6. */
  target: 0.45,
  /** Under this the rate falls a little, so that jitter does not stop the picture. */
  thin: 0.15,
  /** Above this the rate rises. */
  late: 0.8,
  veryLate: 1.4,
  /**
   * A viewer gets the newest group from its key frame on, so the first picture is up to a group old. Running up to the edge
   * shows every frame; a jump would decode them all the same and drop them.
   */
  runUp: 1.75,
  /** Where the run ends, seconds behind. */
  arrived: 0.6,
  /** Above this it jumps: catching up by rate would take half a minute. */
  jump: 2.5,
  /** A gap at the head of the element is crossed after this, ms. */
  stallMs: 400,
} as const;

const NONE: EdgeAction = { kind: "none" };

/** Where a seek to live lands. */
export const landing = (last: Range): number => Math.max(last.start + 0.01, last.end - EDGE.target);

/** What to do now. Rates have hysteresis: a raised one goes back to 1 only at the target. */
export function decide(input: EdgeInput): EdgeAction {
  const last = input.ranges.at(-1);
  if (!last) return NONE;
  if (input.currentTime < last.start) {
    // In an older range, or in a gap. An older range is played to its end unless that is far from live.
    const here = input.ranges.find((range) => range.start <= input.currentTime + 0.05 && input.currentTime < range.end);
    const atEnd = !here || here.end - input.currentTime < 0.06 || input.stalledMs > EDGE.stallMs;
    return atEnd || last.end - input.currentTime > EDGE.jump ? { kind: "seek", to: landing(last) } : NONE;
  }
  const latency = last.end - input.currentTime;
  if (latency > EDGE.jump) return { kind: "seek", to: landing(last) };
  // Data is there and the element does not move: a nudge over a hole too small to show as a gap.
  if (input.stalledMs > 3 * EDGE.stallMs && latency > EDGE.target) return { kind: "seek", to: landing(last) };
  if (!input.settled) return rate(input.rate, latency > EDGE.arrived ? EDGE.runUp : 1);
  return rate(input.rate, wanted(latency, input.rate));
}

function wanted(latency: number, now: number): number {
  if (latency > EDGE.veryLate) return 1.1;
  if (latency > EDGE.late) return Math.max(1.05, now > 1 ? now : 1.05);
  if (now > 1 && latency > EDGE.target) return now;
  if (latency < EDGE.thin) return 0.95;
  if (now < 1 && latency < 0.3) return now;
  return 1;
}

const rate = (now: number, to: number): EdgeAction => (Math.abs(now - to) < 0.001 ? NONE : { kind: "rate", rate: to });

/** What of the past may go, or `null`. Trimmed in steps: a removal costs as much as an append. */
export function trim(currentTime: number, ranges: readonly Range[], keep = 8, step = 4): Range | null {
  const first = ranges[0];
  if (!first || first.start >= currentTime - keep - step) return null;
  return { start: 0, end: currentTime - keep };
}
