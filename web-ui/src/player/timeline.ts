/**
 * From a feed's media time to the element's. The element's time has no holes: where the feed jumps (a discontinuity, groups
 * that were skipped, a camera that came back), the offset moves so that the next group follows the one before.
 */
import { type MediaSeconds, type MediaTicks, mediaSeconds, type UtcMicros, utcMicros } from "../domain/ids";

const TICKS_PER_S = 90_000;
/** Largest hole that is left as it is, seconds: Chromium plays over less than a frame or two. */
const HOLE_S = 0.25;
/** How many frames back a shown frame may be looked up: 25 fps over 12 s. */
const MARKS = 300;

export class FeedTimeline {
  #offset: number | null = null;
  #lastTicks = 0;
  #frameTicks = TICKS_PER_S / 25;
  #marks: { at: number; capture: number }[] = [];

  /** The source buffer's `timestampOffset` for this frame, seconds. Only key frames move it, since others may be out of order. */
  offsetFor(frame: { mediaTime: MediaTicks; key: boolean; discontinuity: boolean }): number {
    if (this.#offset === null) {
      this.#offset = -frame.mediaTime / TICKS_PER_S;
      return this.#offset;
    }
    const step = frame.mediaTime - this.#lastTicks;
    const jumped = step < -HOLE_S * TICKS_PER_S || step > HOLE_S * TICKS_PER_S + this.#frameTicks;
    if (frame.key && jumped) {
      this.#offset = (this.#lastTicks + this.#frameTicks - frame.mediaTime) / TICKS_PER_S + this.#offset;
    }
    return this.#offset;
  }

  /** Whether `offsetFor` would move, without moving it. */
  moves(frame: { mediaTime: MediaTicks; key: boolean; discontinuity: boolean }, after: MediaTicks | null): boolean {
    if (this.#offset === null || !frame.key) return false;
    const step = frame.mediaTime - (after ?? this.#lastTicks);
    return step < -HOLE_S * TICKS_PER_S || step > HOLE_S * TICKS_PER_S + this.#frameTicks;
  }

  /** Notes that a frame was appended at the current offset. */
  appended(mediaTime: MediaTicks, captureTime: UtcMicros): void {
    const step = mediaTime - this.#lastTicks;
    if (step > 0 && step < HOLE_S * TICKS_PER_S) this.#frameTicks = step;
    this.#lastTicks = mediaTime;
    this.#marks.push({ at: mediaTime / TICKS_PER_S + (this.#offset ?? 0), capture: captureTime });
    if (this.#marks.length > MARKS) this.#marks.splice(0, this.#marks.length - MARKS);
  }

  /** When the picture that is shown at this time of the element was captured. */
  captureAt(time: MediaSeconds): UtcMicros | null {
    let best: { at: number; capture: number } | null = null;
    for (const mark of this.#marks) if (!best || Math.abs(mark.at - time) < Math.abs(best.at - time)) best = mark;
    return best && Math.abs(best.at - time) < 1 ? utcMicros(best.capture + (time - best.at) * 1e6) : null;
  }

  /** The feed's time of a moment of the element, and the other way round, by the offset of now. */
  mediaAt(time: MediaSeconds): number {
    return time - (this.#offset ?? 0);
  }
  timeOf(media: number): MediaSeconds {
    return mediaSeconds(media + (this.#offset ?? 0));
  }

  /** The element's time of the newest frame. */
  get edge(): MediaSeconds {
    return mediaSeconds(this.#lastTicks / TICKS_PER_S + (this.#offset ?? 0));
  }
}
