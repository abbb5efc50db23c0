/** Recordings as files of ranges, where the wire is not to be had: the first camera's file is the clock, the others follow it. */
import { computed, effect, type ReadonlySignal } from "@preact/signals";
import type { CameraCode } from "../domain/ids";
import type { Playback } from "./playback";
import { WindowPlayer } from "./window-player";

/** Others follow the first camera's clock; further off than this they jump, ms. */
const APART_MS = 400;
/** A browser's element plays no faster, and not backwards. */
const MOST_RATE = 16;

export class FilePlayback implements Playback {
  readonly kind = "files";
  readonly reverses = false;
  readonly panes: readonly WindowPlayer[];
  readonly at: ReadonlySignal<number | null>;
  #rate = 0;
  #settled = 0;
  #end: () => void;

  /** `frameRate`: of the first camera, for steps. */
  constructor(
    codes: readonly CameraCode[],
    private readonly frameRate: () => number,
  ) {
    this.panes = codes.map((code) => new WindowPlayer(code));
    this.at = computed(() => this.panes[0]?.wall.value ?? null);
    this.#end = effect(() => this.#gather(this.at.value));
  }

  seek(time: number): void {
    for (const pane of this.panes) void pane.seek(time);
  }

  setRate(rate: number): void {
    this.#rate = rate;
    for (const pane of this.panes) {
      if (rate > 0) {
        pane.rate = Math.min(MOST_RATE, rate);
        pane.play();
      } else pane.pause();
    }
  }

  step(direction: 1 | -1): void {
    this.setRate(0);
    for (const pane of this.panes) pane.step(direction / (this.frameRate() || 25));
  }

  listen(heard: number | null): void {
    this.panes.forEach((pane, n) => pane.listen(n === heard));
  }

  close(): void {
    this.#end();
    for (const pane of this.panes) pane.close();
  }

  /** Twice a second the others are looked at. */
  #gather(at: number | null): void {
    if (at === null || Math.floor(at / 500) === this.#settled) return;
    this.#settled = Math.floor(at / 500);
    for (const pane of this.panes.slice(1)) {
      const theirs = pane.wall.peek();
      if (pane.state.peek() === "loading") continue;
      const apart = theirs === null ? Number.POSITIVE_INFINITY : Math.abs(theirs - at);
      if (apart > APART_MS * Math.max(1, this.#rate)) void pane.seek(at);
    }
  }
}
