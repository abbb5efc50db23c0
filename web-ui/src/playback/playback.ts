/** What the page needs of a playback, whatever plays it: `wire-playback.ts`, or files of ranges (`file-playback.ts`). */
import type { ReadonlySignal } from "@preact/signals";
import type { SoundState } from "../player/live-view";

export type PlayState = "empty" | "loading" | "ready" | "nothing" | "cannot-play" | "forbidden" | "end";

/** One camera of it. */
export interface PaneView {
  readonly element: HTMLElement;
  readonly state: ReadonlySignal<PlayState>;
  /** Wall time of the shown picture, UTC ms. */
  readonly wall: ReadonlySignal<number | null>;
  /** Key frames only: the line does not carry more. */
  readonly thinned: ReadonlySignal<boolean>;
  /** What is shown is the camera's sub stream. */
  readonly sub: ReadonlySignal<boolean>;
  /** Whether it is heard. */
  readonly sound: ReadonlySignal<SoundState>;
}

export interface Playback {
  readonly kind: "wire" | "files";
  readonly panes: readonly PaneView[];
  /** The moment that all show, UTC ms. */
  readonly at: ReadonlySignal<number | null>;
  /** Whether it can go backwards. */
  readonly reverses: boolean;
  seek(time: number): void;
  /** 0 stands still. */
  setRate(rate: number): void;
  /** Stands still at the next picture, or the one before. */
  step(direction: 1 | -1): void;
  /** Which of the panes is heard, if any: one at a time, at its own speed. */
  listen(pane: number | null): void;
  close(): void;
}
