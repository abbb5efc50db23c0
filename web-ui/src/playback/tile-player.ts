/** What plays one camera's recording, by whatever the browser has. It is told the moment to show, and never goes by itself. */
import type { Format, TrackInfo } from "../wire/control";
import type { MediaMessage } from "../wire/media";
import type { Mode } from "./shared-clock";

export interface TilePlayer {
  readonly element: HTMLElement;
  readonly format: Format;
  /**
   * How far its own clock is behind the moment, ms; `null` where it has none. One that has can only be drawn to the moment: where it
   * does not come along all have to go slower.
   */
  behind(at: number): number | null;
  /** Time of the picture on the screen, UTC ms. */
  readonly shown: number | null;
  /** Time of the picture that came last. */
  readonly furthest: number | null;
  /** Time of the first picture of a run that goes forwards, UTC ms; `null` where none has come, or it goes backwards. */
  readonly begins: number | null;
  /** The picture of the moment is on the screen, or comes with the next look. */
  readonly ready: boolean;
  /** How far the picture on the screen is behind the one of this moment that is here, ms: the machine is too slow. */
  lag(at: number): number;
  /** Up to which moment before this one it can show what is right; the moment itself where it can, or cannot tell. */
  reach(at: number): number;
  /** Between the pictures that were shown last, or wait to be, ms: more than `spacing` where some are left out, since the machine is too slow. */
  readonly gap: number;
  /** How far the pictures that came last are apart, ms; 0 where that is not known. */
  readonly spacing: number;
  /** Pictures that were left out since this machine was too slow. */
  readonly dropped: number;
  /** A new feed, or other tracks of the same. `fresh`: what was of before is over. `mode`: what comes. */
  opened(video: TrackInfo, fresh: boolean, mode: Mode): void;
  push(message: MediaMessage): void;
  /**
   * Makes ready what this moment and those behind it need; to be called with every turn of the screen, before `show`. `held`: the clock
   * stands for a while, for want of something.
   */
  prepare(at: number, rate: number, mono: number, held: boolean): void;
  /** Shows the picture of this moment, which may lie a little before the one that was prepared. */
  show(at: number, rate: number, mono: number): void;
  /**
   * Makes ready the picture of a moment alone, and says whether it is, or none is to come; `null` where pictures are made ready as they
   * come. Those that are aimed are shown together, when all are ready (`Beat` in `shared-clock.ts`).
   */
  aim(at: number, mono: number): boolean | null;
  /** Time of the picture before a moment, where it can be shown from what is here; `null` where it cannot, or that is not known. */
  before(at: number): number | null;
  /** Whether the picture of a moment that has passed can be shown from what is here. */
  keeps(at: number): boolean;
  /** Time of the next picture that is here; `null` where it is not. */
  after(at: number): number | null;
  /** What it is at, in words for who looks into why a clock stands. */
  doing?(): string;
  close(): void;
}

export const TICKS_PER_MS = 90;
