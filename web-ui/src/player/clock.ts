/** The gateway's clock as seen from here. The sample with the shortest way there and back is believed, for a while. */
import { type MonoMillis, type UtcMicros, utcMicros } from "../domain/ids";

/** After this a better sample is sought again: two crystals part by some 50 us a second at the worst. */
const BELIEVED_MS = 600_000;
/** A pushed `now` has an unknown way here; it counts as this good. */
export const PUSHED_ROUND_TRIP_MS = 150;

export class ServerClock {
  #sample: { offsetUs: number; roundTripMs: number; at: number } | null = null;

  /** `server` was read between `sent` and `received`. */
  sample(server: UtcMicros, sent: MonoMillis, received: MonoMillis, roundTripMs = received - sent): void {
    const old = this.#sample;
    if (old && received - old.at < BELIEVED_MS && old.roundTripMs <= roundTripMs) return;
    this.#sample = { offsetUs: server - ((sent + received) / 2) * 1000, roundTripMs, at: received };
  }

  get known(): boolean {
    return this.#sample !== null;
  }

  /** The gateway's time at a moment of the local monotonic clock; `null` before the first sample. */
  at(mono: MonoMillis): UtcMicros | null {
    return this.#sample ? utcMicros(mono * 1000 + this.#sample.offsetUs) : null;
  }
}
