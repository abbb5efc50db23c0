/** When sound is to be heard, so that it goes with the picture. Pure: times in, times out. */
import type { EdgeAction, Range } from "./live-edge";

/** Sound may be this far from the picture before its packets are put elsewhere, seconds: a person notices at about 0.1. */
const APART_S = 0.12;
/** Where there is no picture to go with: this much is held back, so that jitter does not tear the sound. */
const HELD_S = 0.3;
/** Further ahead than this is no time to wait for, but a clock that jumped. */
const ABSURD_S = 5;

/** Places packets (seconds of the feed's own time) on the clock of what plays them. */
export class PacketClock {
  #anchor: number | null = null;
  #end = 0;

  /**
   * The moment at which a packet of `length` seconds starts, or `null` when it comes too late to be heard. `picture` is the
   * feed's time of what is on the screen now.
   */
  place(media: number, length: number, picture: number | null, now: number): number | null {
    const wanted = picture === null ? null : now - picture;
    if (this.#anchor === null) this.#anchor = wanted ?? now + HELD_S - media;
    else if (wanted !== null && Math.abs(wanted - this.#anchor) > APART_S) this.#anchor = wanted;
    let at = media + this.#anchor;
    if (wanted === null && (at < now || at > now + ABSURD_S)) {
      // Nothing to go with, and the feed's time jumped: begin anew.
      this.#anchor = now + HELD_S - media;
      this.#end = 0;
      at = now + HELD_S;
    }
    // Too late, too early, or over what is placed already: not heard. A little over it: right after it.
    if (at < now || at > now + ABSURD_S || at < this.#end - length / 2) return null;
    const start = Math.max(at, this.#end);
    this.#end = start + length;
    return start;
  }
}

/**
 * What an element that plays sound does to go with the picture: `late` is how far it is behind (positive) or ahead of it.
 * Rates have hysteresis, as the picture's have.
 */
export function together(late: number, rate: number, currentTime: number, last: Range | undefined): EdgeAction {
  const to = currentTime + late;
  if (Math.abs(late) > 0.5) {
    const there = last !== undefined && to >= last.start && to < last.end - 0.02;
    return there ? { kind: "seek", to } : { kind: "none" };
  }
  const wanted = Math.abs(late) < (rate === 1 ? 0.06 : 0.02) ? 1 : late > 0 ? 1.06 : 0.94;
  return Math.abs(rate - wanted) < 0.001 ? { kind: "none" } : { kind: "rate", rate: wanted };
}
