/** The one clock of a playback: what moment all its cameras show. Pure: monotonic times in, UTC milliseconds out. */
export class SharedClock {
  #at: number;
  #since: number;
  #rate = 0;
  #pace = 1;
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
    return this.#held ? this.#at : this.#at + (mono - this.#since) * this.#rate * this.#pace;
  }

  jump(at: number, mono: number): void {
    this.#at = at;
    this.#since = mono;
  }

  setRate(rate: number, mono: number): void {
    this.jump(this.now(mono), mono);
    this.#rate = rate;
  }

  /** What of its rate it goes at, 0 to 1: see `Pace`. */
  setPace(pace: number, mono: number): void {
    if (pace === this.#pace) return;
    this.jump(this.now(mono), mono);
    this.#pace = pace;
  }

  /** So much time of the viewer's was none to show anything in: it does not count. */
  slip(ms: number): void {
    if (!this.#held) this.#since += ms;
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
  /** Nothing is recorded at the moment, or it is not waited for any more. */
  readonly gap: boolean;
  /** Time of the picture furthest in the direction of play that is here, UTC ms. */
  readonly furthest: number | null;
  /** How far its pictures are apart, ms; 0 where that is not known. */
  readonly spacing: number;
  /** How far the picture on the screen is behind the one that should be, since the machine is too slow, ms of the recording. */
  readonly lag: number;
}

/** All are to be within 200 ms of each other: where one has no more pictures, or cannot be decoded in time, all go slower. */
const LAG_MS = 120;
const CAUGHT_UP_MS = 50;
/** A camera whose pictures do not come is waited for no longer than this, ms. */
export const PATIENCE_MS = 2500;
/** One whose pictures are here: a machine that is busy with nine of them takes its time, ms. */
export const DECODING_MS = 20_000;
/** Pictures that are further apart than this are not waited for by it, ms of the viewer's time: nobody sees which is the right one. */
const MOST_SPACING_MS = 12_000;

/** By how much the moment is past the last picture of a camera that is here, of the viewer's time, ms. */
function past(one: Standing, at: number, rate: number): number {
  if (one.furthest === null) return Number.POSITIVE_INFINITY;
  const fast = Math.max(1, Math.abs(rate));
  return ((at - one.furthest) * Math.sign(rate) - Math.min(one.spacing, MOST_SPACING_MS * fast)) / fast;
}

/** Whether a camera shows the moment, or will in time, and so need not be waited for. */
export function keepsUp(one: Standing, at: number, rate: number): boolean {
  const fast = Math.max(1, Math.abs(rate));
  return (
    one.ready && (rate === 0 || (past(one, at, rate) <= 0 && one.lag <= Math.max(CAUGHT_UP_MS * fast, one.spacing)))
  );
}

/** Whether a camera that does not keep up is waited for no longer: one whose pictures do not come; one that only decodes slowly is for long. */
export function isGivenUp(one: Standing, at: number, rate: number, waited: number): boolean {
  const lacks = one.furthest === null || past(one, at, rate) > 0;
  return waited >= (lacks ? PATIENCE_MS : DECODING_MS);
}

/**
 * Whether the clock has to stand: at the beginning until every camera has a picture, later where one of them has none left or is
 * behind. `waited`: how long it has stood, ms.
 */
export function mustHold(all: readonly Standing[], at: number, rate: number, held: boolean, waited: number): boolean {
  const live = all.filter((one) => !one.gap);
  if (live.length === 0) return false;
  if (held) {
    const has = (one: Standing) => keepsUp(one, at, rate);
    return !live.some(has) || live.some((one) => !has(one) && !isGivenUp(one, at, rate, waited));
  }
  if (rate === 0) return false;
  const fast = Math.max(1, Math.abs(rate));
  return live.some((one) => past(one, at, rate) > LAG_MS || one.lag > Math.max(LAG_MS * fast, one.spacing));
}

/** The pace is looked at so often, ms: a few pictures of each camera. */
const PACE_MS = 250;
/** One leaves out so much between two pictures, or its clock is behind the moment by more than this: too fast, ms of the viewer's time. */
const TOO_FAST_MS = 60;
/** And less than this: it could go faster. */
const EASY_MS = 30;
const LEAST_PACE = 0.1;
const SETTLE_MS = 700;
/** How it rises at each look, until it was too fast once, and then. */
const STEEP = 1.15;
const GENTLE = 1.05;
/** So many cameras begin at full speed. */
const FEW = 4;

/**
 * What of their speed cameras go at on a machine that cannot decode them all at it. Where each picture is drawn by the page a clock
 * that stands for a moment is enough; a `<video>` that is behind leaves pictures out, each as it comes, and a stop and a start of
 * nine of them cost more than they give: so all go slower until the slowest comes along. Pure.
 */
export class Pace {
  #share = 1;
  #worst = 0;
  #since = 0;
  #slowed = Number.NEGATIVE_INFINITY;
  #rise = STEEP;

  get share(): number {
    return this.#share;
  }

  /** `lag`: how far the worst is behind, or how much it leaves out, ms of the viewer's time. */
  look(lag: number, mono: number): number {
    this.#worst = Math.max(this.#worst, lag);
    if (mono - this.#since < PACE_MS) return this.#share;
    this.#since = mono;
    if (this.#worst > TOO_FAST_MS) this.#slower(this.#worst > 2 * TOO_FAST_MS ? 0.65 : 0.85, mono);
    else if (this.#worst < EASY_MS) this.#share = Math.min(1, this.#share * this.#rise + 0.005);
    this.#worst = 0;
    return this.#share;
  }

  /** The clock had to stand for one of them. */
  stumble(mono: number): void {
    this.#slower(0.65, mono);
  }

  /** What is slower now shows what that does before it is made slower still. */
  #slower(by: number, mono: number): void {
    if (mono - this.#slowed < SETTLE_MS) return;
    this.#share = Math.max(LEAST_PACE, this.#share * by);
    this.#slowed = mono;
    this.#rise = GENTLE;
  }

  /**
   * At another speed: what was is no measure. It begins where any machine comes along and is soon faster: nine that begin too fast are
   * apart at once.
   */
  anew(cameras: number): void {
    this.#share = cameras > FEW ? 0.5 : 1;
    this.#rise = STEEP;
    this.#worst = 0;
  }
}

/** A beat that has taken so long, ms, is no measure for the next. */
const MOST_LEAD_MS = 1000;
const FIRST_LEAD_MS = 100;

/**
 * The next moment that key frames are shown of, on all cameras at once: so far ahead as making the last ones ready took. A machine that
 * is slow shows fewer of them, all of one moment, and no camera runs ahead. Pure.
 */
export class Beat {
  #to: number | null = null;
  #since = 0;
  #took = FIRST_LEAD_MS;
  #isReady = false;

  /** What is aimed at, UTC ms. */
  get to(): number | null {
    return this.#to;
  }

  /** The clock is elsewhere. */
  anew(): void {
    this.#to = null;
  }

  /**
   * What is to be made ready now, UTC ms. The first beat is the moment that the clock is at, and stays it until all are ready: each takes
   * its time for a picture, and would never have the one of a moment that goes on meanwhile.
   */
  begin(at: number): number {
    if (this.#to === null) {
      this.#to = at;
      // Decoders that get going are no measure of how long a picture takes.
      this.#isReady = true;
    }
    return this.#to;
  }

  /** `edge`: further nothing is here yet. */
  next(at: number, rate: number, mono: number, edge: number): number {
    const ahead = at + this.#took * rate;
    this.#to = rate < 0 ? Math.min(at, Math.max(ahead, edge)) : Math.max(at, Math.min(ahead, edge));
    this.#since = mono;
    this.#isReady = false;
    return this.#to;
  }

  /** All have their picture. */
  ready(mono: number): void {
    // What it began with says nothing of how long one takes.
    if (this.#isReady || this.#to === null) return;
    this.#isReady = true;
    this.#took = Math.min(MOST_LEAD_MS, (this.#took + 3 * (mono - this.#since)) / 4);
  }
}
