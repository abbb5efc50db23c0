/**
 * What a camera's pictures wait in, encoded and decoded, and which of them is shown at a moment. Pure but for `close`.
 * Times are UTC milliseconds; a picture is on the screen from its own time to the next one's, in whatever order they come.
 */
export interface Encoded {
  readonly time: number;
  readonly key: boolean;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** A decoder's new configuration, before this picture. */
  readonly head: Uint8Array<ArrayBuffer> | null;
}
export interface Decoded {
  readonly time: number;
  close(): void;
}

/** Decoded pictures that wait, those in the decoder included: each is megabytes. */
export const AHEAD = 5;
/** Encoded ones: what the gateway sends ahead, and as much again. The oldest groups go first. */
const MOST_BYTES = 24 * 1024 * 1024;
/** Behind by more than this with a newer key frame at hand, the pictures between are left out, ms. */
const LATE_MS = 500;
/** Nothing more has come for so long: what is here is all there is, ms. */
const QUIET_MS = 400;
/** Of a turn of the screen no more counts, ms: in a busy page what has come waits behind it. */
const TURN_MS = 40;
const BEFORE_MS = 0.01;

export class FrameQueue<F extends Decoded> {
  #waiting: Encoded[] = [];
  #bytes = 0;
  #decoded: F[] = [];
  /** Times that were given to the decoder and have not come out. */
  #decoding: number[] = [];
  #shown: number | null = null;
  #seeking = true;
  /** So long nothing has come, and when that was looked at, ms. */
  #quiet = 0;
  #lookedAt = 0;
  #first: number | null = null;
  #last: number | null = null;
  #spacing = 0;
  left = 0;

  constructor(private readonly back: boolean) {}

  /** Time of what is on the screen. */
  get shown(): number | null {
    return this.#shown;
  }
  /** Time of the picture that came last. */
  get furthest(): number | null {
    return this.#last;
  }
  /** Time of the picture that came first. */
  get first(): number | null {
    return this.#first;
  }
  /** How far the two pictures that came last are apart, ms; 0 before there are two. */
  get spacing(): number {
    return this.#spacing;
  }
  /** The picture of the moment is still looked for. */
  get seeking(): boolean {
    return this.#seeking;
  }
  get bytes(): number {
    return this.#bytes;
  }

  push(piece: Encoded, mono: number): void {
    this.#quiet = 0;
    this.#lookedAt = mono;
    this.#first ??= piece.time;
    if (this.#last !== null) this.#spacing = Math.abs(piece.time - this.#last);
    this.#last = piece.time;
    this.#waiting.push(piece);
    this.#bytes += piece.bytes.byteLength;
    while (this.#bytes > MOST_BYTES && this.#toNextKey()) {}
  }

  /** What to decode now. */
  next(at: number): Encoded | null {
    const first = this.#waiting[0];
    if (!first) return null;
    this.#skip(at);
    const piece = this.#waiting[0] as Encoded;
    const before = this.back ? piece.time > at : piece.time <= at;
    // What is needed for the picture of the moment goes in at once; of what comes later only a little.
    const room = this.#decoded.length + this.#decoding.length < AHEAD || (before && this.#decoding.length < AHEAD * 3);
    if (!room) return null;
    this.#waiting.shift();
    this.#bytes -= piece.bytes.byteLength;
    this.#decoding.push(piece.time);
    return piece;
  }

  /** A decoder gives a picture. */
  out(frame: F): void {
    const place = this.#decoding.indexOf(frame.time);
    // Those before it came out, or never will.
    if (place >= 0) this.#decoding.splice(0, place + 1);
    this.#decoded.push(frame);
  }

  /** The picture to show at a moment, if it is another one than is shown. It is the caller's to close. */
  pick(at: number, mono: number): F | null {
    this.#quiet += Math.min(TURN_MS, mono - this.#lookedAt);
    this.#lookedAt = mono;
    // Backwards a picture stays until the moment is before it.
    if (this.back && this.#shown !== null && this.#shown <= at) return null;
    let found: F | null = null;
    const keep: F[] = [];
    for (const frame of this.#decoded) {
      if (frame.time > at && !this.back) {
        keep.push(frame);
        continue;
      }
      if (frame.time > at && this.back) {
        // Its time has passed, unless nothing else was shown yet.
        frame.close();
        continue;
      }
      if (this.back && found) {
        keep.push(frame);
        continue;
      }
      if (found && found.time <= frame.time) {
        found.close();
        found = frame;
      } else if (found) frame.close();
      else found = frame;
    }
    this.#decoded = keep;
    if (!found) return null;
    if (this.#seeking && !this.#isIt(found.time, at)) {
      // On its way there: not shown, or every seek would flicker through a group.
      this.#decoded.unshift(found);
      return null;
    }
    this.#seeking = false;
    this.#shown = found.time;
    return found;
  }

  /**
   * How far what is shown is behind what could be, ms: pictures up to the moment are here and not decoded. 0 where none is.
   */
  lag(at: number): number {
    if (this.back || this.#shown === null) return 0;
    const shown = this.#shown;
    let due = shown;
    for (const time of this.#decoding) if (time <= at && time > due) due = time;
    for (const { time } of this.#waiting) if (time <= at && time > due) due = time;
    return due - shown;
  }

  /**
   * Up to which moment, of those before `at`, the right picture could be shown now: that of the first one that is here and still to be
   * decoded, or the end of the last one. `at` itself where there is no such. Backwards it is never waited for.
   */
  reach(at: number): number {
    if (this.back || this.#shown === null) return at;
    const shown = this.#shown;
    // Behind what came last there is something else to show.
    let first = this.#last !== null && this.#spacing > 0 ? Math.min(at, this.#last + this.#spacing - BEFORE_MS) : at;
    // Just before it: the one before it is still the right one then.
    for (const time of this.#decoding) if (time > shown && time <= first) first = time - BEFORE_MS;
    for (const { time } of this.#waiting) if (time > shown && time <= first) first = time - BEFORE_MS;
    return Math.max(shown, first);
  }

  /** The first time behind a moment of which a picture is here; `null` where none is. */
  after(at: number): number | null {
    const all = [...this.#decoded.map((one) => one.time), ...this.#decoding, ...this.#waiting.map((one) => one.time)];
    const later = all.filter((time) => time > at + 0.01);
    return later.length > 0 ? Math.min(...later) : null;
  }

  clear(): void {
    for (const frame of this.#decoded) frame.close();
    this.#decoded = [];
    this.#decoding = [];
    this.#waiting = [];
    this.#bytes = 0;
  }

  /** Whether a picture is that of the moment, as far as can be known: none that is here lies between. */
  #isIt(time: number, at: number): boolean {
    if (this.back) return true;
    const between = (one: number) => one > time && one <= at;
    if (this.#decoding.some(between) || this.#waiting.some((one) => between(one.time))) return false;
    return (this.#last !== null && this.#last > at) || this.#quiet > QUIET_MS;
  }

  /** Leaves out what is late where a key frame at or before the moment waits behind it. */
  #skip(at: number): void {
    if (this.back) return;
    const first = this.#waiting[0];
    if (!first || at - first.time < LATE_MS) return;
    for (let i = this.#waiting.length - 1; i > 0; i--) {
      const piece = this.#waiting[i] as Encoded;
      if (!piece.key || piece.time > at) continue;
      for (const one of this.#waiting.splice(0, i)) this.#bytes -= one.bytes.byteLength;
      this.left += i;
      return;
    }
  }

  #toNextKey(): boolean {
    const next = this.#waiting.findIndex((one, i) => i > 0 && one.key);
    if (next < 0) return false;
    for (const one of this.#waiting.splice(0, next)) this.#bytes -= one.bytes.byteLength;
    this.left += next;
    return true;
  }
}
