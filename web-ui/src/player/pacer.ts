/**
 * When a picture is due that is decoded here and not by a media element: as early as the line's own unevenness allows.
 * Pure: times in, times out, milliseconds.
 */

export const PACE = {
  /** Least that is held back, ms: a picture is drawn at the next of the screen's turns anyway. */
  least: 20,
  /** Most that is held back for an uneven line, ms. */
  most: 400,
  /** Held back: this many times the mean unevenness of arrival. */
  spread: 3,
  /** The best arrival of this long counts as the line's own delay, ms. */
  window: 4000,
  /** Gentle changes: this share of real time. Nobody sees it. */
  gentle: 0.05,
  /** Further off than this it jumps, ms. */
  jump: 500,
} as const;

export class Pacer {
  #late: { at: number; late: number }[] = [];
  #jitter = 10;
  #offset: number | null = null;
  #movedAt = 0;
  /** Until then what comes is older than live, and comes faster than it was made: a group from its key frame on. */
  #settled = false;

  /** A picture of this media time has arrived. */
  arrived(media: number, now: number): void {
    const late = now - media;
    const before = this.#late.at(-1);
    if (before && late > before.late - PACE.least) this.#settled = true;
    if (before && this.#settled)
      this.#jitter += (Math.min(PACE.jump, Math.abs(late - before.late)) - this.#jitter) / 16;
    this.#late.push({ at: now, late });
    while (this.#late[0] && this.#late[0].at < now - PACE.window) this.#late.shift();
    let best = late;
    for (const one of this.#late) if (one.late < best) best = one.late;
    const wanted = best + this.held;
    const off = this.#offset === null ? Number.POSITIVE_INFINITY : wanted - this.#offset;
    if (this.#offset === null || !this.#settled || Math.abs(off) > PACE.jump) this.#offset = wanted;
    else {
      const most = PACE.gentle * Math.max(0, now - this.#movedAt);
      this.#offset += Math.max(-most, Math.min(most, off));
    }
    this.#movedAt = now;
  }

  /** What is held back now. */
  get held(): number {
    return Math.min(PACE.most, Math.max(PACE.least, PACE.spread * this.#jitter));
  }

  /** When a picture of this media time is due. */
  due(media: number): number {
    return media + (this.#offset ?? 0);
  }

  /** The feed's time jumped, or begins anew. */
  reset(): void {
    this.#late = [];
    this.#offset = null;
    this.#settled = false;
  }
}
