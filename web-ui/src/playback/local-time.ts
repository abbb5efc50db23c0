/** Times for the browser's own date fields, which know the local clock and no zone. */

/** `2026-11-23T14:03:20`. */
export function localInput(ms: number): string {
  const zone = new Date(ms).getTimezoneOffset() * 60_000;
  return new Date(ms - zone).toISOString().slice(0, 19);
}

export function readLocal(text: string): number | null {
  const ms = new Date(text).getTime();
  return Number.isFinite(ms) ? ms : null;
}
