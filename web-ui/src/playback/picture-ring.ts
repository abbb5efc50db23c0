/**
 * Decoded pictures of one camera, kept as they are shown: those that wait for their moment, and the last ones before it, which a step
 * back shows at once. Times are UTC milliseconds. Pure: what a picture is kept in is the caller's.
 */
export interface Kept<P> {
  readonly time: number;
  readonly picture: P;
}

/** Two times of one picture are no further apart, ms. */
const SAME_MS = 0.5;

export class PictureRing<P> {
  #all: Kept<P>[] = [];

  /** Rising. */
  get times(): readonly number[] {
    return this.#all.map((one) => one.time);
  }
  /** Time of the newest one. */
  get last(): number | null {
    return this.#all.at(-1)?.time ?? null;
  }

  has(time: number): boolean {
    return this.#all.some((one) => Math.abs(one.time - time) < SAME_MS);
  }

  /** The newest one at or before a moment. */
  pick(at: number): Kept<P> | null {
    return this.#all.findLast((one) => one.time < at + SAME_MS) ?? null;
  }

  /** Up to which moment before this one the newest that is kept is no further from it than `most`, ms. */
  near(at: number, most: number): number {
    const found = this.pick(at);
    return found ? Math.min(at, found.time + most) : at;
  }

  /**
   * Keeps one, `most` in all. What has been shown makes room first, then the newest one: whoever is ahead of the others keeps what is
   * next. `into` gets what the one that made room was kept in.
   */
  put(time: number, shown: number | null, most: number, into: (old: P | null) => P): void {
    if (this.has(time)) return;
    let free: P | null = null;
    while (this.#all.length >= Math.max(1, most)) {
      const oldest = this.#all[0];
      const past = oldest && shown !== null && oldest.time < shown - SAME_MS;
      free = (past ? this.#all.shift() : this.#all.pop())?.picture ?? null;
    }
    this.#all.push({ time, picture: into(free) });
    this.#all.sort((a, b) => a.time - b.time);
  }

  /** All of them, which are none of its own any more. */
  clear(): P[] {
    return this.#all.splice(0).map((one) => one.picture);
  }
}
