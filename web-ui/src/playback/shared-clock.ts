/** The one clock of a playback: what moment all its cameras show. Pure: monotonic times in, UTC milliseconds out. */
export class SharedClock {
  #at: number;
  #since: number;
  #rate = 0;
  #held = true;

  constructor(at: number, mono: number) {
    this.#at = at;
    this.#since = mono;
  }

  get rate(): number {
    return this.#rate;
  }
  /** It stands until there is something to show. */
  get held(): boolean {
    return this.#held;
  }

  now(mono: number): number {
    return this.#held ? this.#at : this.#at + (mono - this.#since) * this.#rate;
  }

  jump(at: number, mono: number): void {
    this.#at = at;
    this.#since = mono;
  }

  setRate(rate: number, mono: number): void {
    this.jump(this.now(mono), mono);
    this.#rate = rate;
  }

  hold(on: boolean, mono: number): void {
    if (on === this.#held) return;
    this.jump(this.now(mono), mono);
    this.#held = on;
  }
}

/** What is sent at a rate; a change between these begins anew on the wire. */
export type Mode = "all" | "keys" | "back";
export const modeOf = (rate: number): Mode => (rate < 0 ? "back" : rate >= 4 ? "keys" : "all");

/** Where a camera stands, for the clock they share. */
export interface Standing {
  /** A picture of the moment is on the screen, or on its way to it. */
  readonly ready: boolean;
  /** Nothing is recorded at the moment. */
  readonly gap: boolean;
  /** Time of the picture furthest in the direction of play that is here, UTC ms. */
  readonly furthest: number | null;
  /** How far the picture on the screen is behind the one that should be, since the machine is too slow, ms of the recording. */
  readonly lag: number;
}

/** Past the last picture by this much of the viewer's time, a camera waits for more, ms. */
const STARVED_MS = 400;
/** All are to be within 200 ms of each other: a machine that cannot decode them all at once goes slower, and all of them with it. */
const LAG_MS = 120;
const CAUGHT_UP_MS = 50;
/** A clock waits for its cameras' first pictures no longer than this, ms. */
export const PATIENCE_MS = 2500;

/**
 * Whether the clock has to stand: at the beginning until every camera has a picture, later while none of them has one.
 * `waited`: how long it has stood, ms.
 */
export function mustHold(all: readonly Standing[], at: number, rate: number, held: boolean, waited: number): boolean {
  const live = all.filter((one) => !one.gap);
  if (live.length === 0) return false;
  const fast = Math.max(1, Math.abs(rate));
  /** By how much the moment is past the last picture that is here, of the viewer's time. */
  const past = ({ furthest }: Standing) =>
    furthest === null ? Number.POSITIVE_INFINITY : ((at - furthest) * Math.sign(rate)) / fast;
  if (held) {
    const has = (one: Standing) => one.ready && (rate === 0 || (past(one) <= 0 && one.lag <= CAUGHT_UP_MS * fast));
    return !(waited >= PATIENCE_MS ? live.some(has) : live.every(has));
  }
  if (rate === 0) return false;
  return live.every((one) => past(one) > STARVED_MS) || live.some((one) => one.lag > LAG_MS * fast);
}
