/** What shows one feed's pictures, whichever way it decodes them. */
import type { UtcMicros } from "../domain/ids";
import type { MediaMessage } from "../wire/media";

export interface Player {
  readonly element: HTMLVideoElement | HTMLCanvasElement;
  /** Of the picture, pixels; 0 before the first. */
  readonly width: number;
  readonly height: number;
  /** The feed's time of what is shown, seconds; `null` before anything is. */
  readonly media: number | null;
  /** Seconds between the shown picture and the newest one that is here. */
  readonly behind: number;
  readonly dropped: number;
  push(message: MediaMessage): void;
  freeze(on: boolean): void;
  /** Leaves nothing behind: no element, no decoder, no timer. */
  close(): void;
}

export interface PlayerEvents {
  /** A new picture is on the screen; `capture` where it is known. */
  readonly onFrame: (capture: UtcMicros | null) => void;
  /** It gave up, with the cause in the browser's words; no picture comes after this. */
  readonly onError: (error: string) => void;
}
