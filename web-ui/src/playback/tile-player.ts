/** What plays one camera's recording, by whatever the browser has. It is told the moment to show, and never goes by itself. */
import type { Format, TrackInfo } from "../wire/control";
import type { MediaMessage } from "../wire/media";

export interface TilePlayer {
  readonly element: HTMLElement;
  readonly format: Format;
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
  /** Pictures that were left out since this machine was too slow. */
  readonly dropped: number;
  /** A new feed, or other tracks of the same. `fresh`: what was of before is over. `back`: pictures come from new to old. */
  opened(video: TrackInfo, fresh: boolean, back: boolean): void;
  push(message: MediaMessage): void;
  /** Shows the picture of this moment; to be called with every turn of the screen. */
  show(at: number, rate: number, mono: number): void;
  /** Time of the next picture that is here; `null` where it is not. */
  after(at: number): number | null;
  close(): void;
}

export const TICKS_PER_MS = 90;
