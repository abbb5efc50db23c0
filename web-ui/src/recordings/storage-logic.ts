/** How fast a disk fills while somebody looks at it. No DOM. */

export interface Sample {
  /** Monotonic, ms. */
  readonly at: number;
  /** Bytes. */
  readonly free: number;
}
/** Less than this says more about when was looked than about the disk. */
const LEAST_MS = 15_000;

/** Bytes a second that free space grows by (falls: negative); `null` while it was not looked at for long enough. */
export function freeRate(samples: readonly Sample[]): number | null {
  const [first, last] = [samples[0], samples.at(-1)];
  if (!first || !last || last.at - first.at < LEAST_MS) return null;
  return ((last.free - first.free) / (last.at - first.at)) * 1000;
}
