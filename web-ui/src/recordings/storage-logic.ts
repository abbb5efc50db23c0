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

export const GIB = 1024 ** 3;

/** What was typed in GiB, as bytes; `null` outside the bounds. */
export function targetOf(
  text: string,
  { least_bytes, most_bytes }: { readonly least_bytes: number; readonly most_bytes: number | null },
): number | null {
  const typed = text.trim() === "" ? Number.NaN : Math.round(Number(text) * GIB);
  // The bounds are shown to a tenth of a GiB: who types one means it.
  const tenth = GIB / 10;
  if (!(typed > least_bytes - tenth && typed < (most_bytes ?? Number.MAX_SAFE_INTEGER) + tenth)) return null;
  return Math.min(Math.max(typed, least_bytes), most_bytes ?? typed);
}
