/**
 * Pictures along the timeline: asked for as the view needs them, a few at a time, the ones wanted last first; kept within a bound.
 * Moments stand on a grid, so that a view that moves a little asks for nothing new. No DOM.
 */
import type { CameraCode } from "../domain/ids";
import type { Window } from "./timeline-math";

/** Steps of the grid, seconds. */
const STEPS_S = [
  1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400, 172_800,
];

export interface Slot {
  readonly time: number;
  readonly length: number;
}

/** Moments of the pictures in a view, at least `leastPx` apart. */
export function slots(view: Window, width: number, leastPx: number): Slot[] {
  const perPx = (view.to - view.from) / Math.max(1, width);
  const length = (STEPS_S.find((s) => (s * 1000) / perPx >= leastPx) ?? (STEPS_S.at(-1) as number)) * 1000;
  const found: Slot[] = [];
  for (let time = Math.floor(view.from / length) * length; time < view.to; time += length) found.push({ time, length });
  return found;
}

const MOST = 240;
const AT_ONCE = 3;

interface Wanted {
  readonly key: string;
  readonly code: CameraCode;
  readonly time: number;
}

/** A picture's address, `null` where there is none of the moment, `undefined` while it is not known. */
export class Thumbnails {
  /** In the order of their last use. */
  readonly #known = new Map<string, string | null>();
  readonly #running = new Set<string>();
  #wanted: Wanted[] = [];
  #closed = false;

  constructor(
    /** Gives the address of a picture that has been loaded, or `null`. */
    private readonly load: (code: CameraCode, time: number) => Promise<string | null>,
    private readonly free: (address: string) => void,
    private readonly changed: () => void,
  ) {}

  get(code: CameraCode, time: number): string | null | undefined {
    const key = `${code}/${time}`;
    const found = this.#known.get(key);
    if (found !== undefined) {
      this.#known.delete(key);
      this.#known.set(key, found);
    }
    return found;
  }

  /** What is wanted now; what was wanted before and has not been asked for is forgotten. */
  want(all: readonly { readonly code: CameraCode; readonly time: number }[]): void {
    this.#wanted = all
      .map(({ code, time }) => ({ key: `${code}/${time}`, code, time }))
      .filter(({ key }) => !this.#known.has(key) && !this.#running.has(key));
    this.#pump();
  }

  /** None is a word for now: what could not be had near the present may be there soon. */
  forget(code: CameraCode, time: number): void {
    const key = `${code}/${time}`;
    if (this.#known.get(key) === null) this.#known.delete(key);
  }

  close(): void {
    this.#closed = true;
    this.#wanted = [];
    for (const address of this.#known.values()) if (address) this.free(address);
    this.#known.clear();
  }

  get size(): number {
    return this.#known.size;
  }

  #pump(): void {
    while (this.#running.size < AT_ONCE && !this.#closed) {
      const next = this.#wanted.shift();
      if (!next) return;
      this.#running.add(next.key);
      void this.load(next.code, next.time)
        .catch(() => null)
        .then((address) => {
          this.#running.delete(next.key);
          if (this.#closed) {
            if (address) this.free(address);
            return;
          }
          this.#keep(next.key, address);
          this.changed();
          this.#pump();
        });
    }
  }

  #keep(key: string, address: string | null): void {
    this.#known.set(key, address);
    for (const [old, gone] of this.#known) {
      if (this.#known.size <= MOST) return;
      this.#known.delete(old);
      if (gone) this.free(gone);
    }
  }
}
