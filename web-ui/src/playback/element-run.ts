/** All pictures of a recording, forwards, in a `<video>` by Media Source Extensions. */
import { letGo, mediaSourceClass, mimeOf } from "../player/mse";
import { concat } from "../player/queue";
import type { MediaMessage } from "../wire/media";
import { TICKS_PER_MS } from "./tile-player";

/** Where a run's first picture stands on the element's timeline, seconds: there is room before it for what a decoder puts there. */
const MIDDLE_S = 100_000;
/** A picture begins at its own time; so far into it no rounding is between, seconds. */
export const INTO_S = 0.0005;
/** Kept behind the moment, seconds: what is stepped back to. */
const KEEP_S = 8;
/** Two times of one picture are no further apart. */
const SAME_MS = 2;
const MOST_WAITING = 2000;
const MOST_TIMES = 4000;

/** One run of all pictures forwards, in an element of its own, which nobody sees: the player copies what it shows. */
export class ElementRun {
  readonly video = document.createElement("video");
  /** Time of the run's first picture, UTC ms. */
  base: number | null = null;
  /** Of the pictures that came, rising. */
  times: number[] = [];
  furthest: number | null = null;
  /** Time of the picture that the element shows, UTC ms. */
  seen: number | null = null;
  waiting: { bytes: Uint8Array<ArrayBuffer>; init: boolean }[] = [];
  #source: MediaSource;
  #buffer: SourceBuffer | null = null;
  #url: string;
  #frame = 0;
  closed = false;

  constructor(
    private codec: string,
    private readonly onSeen: (time: number) => void,
    private readonly onError: (error: string) => void,
  ) {
    const Source = mediaSourceClass();
    if (!Source) throw new Error("no MediaSource in this browser");
    const { video } = this;
    // It decodes; what is seen are copies.
    video.style.visibility = "hidden";
    video.muted = true;
    video.playsInline = true;
    video.disablePictureInPicture = true;
    if (typeof MediaSource === "undefined") video.disableRemotePlayback = true;
    this.#source = new Source();
    this.#url = URL.createObjectURL(this.#source);
    this.#source.addEventListener("sourceopen", this.#opened, { once: true });
    video.addEventListener("error", this.#failed);
    video.src = this.#url;
    this.#watch();
  }

  timeOf(at: number): number | null {
    return this.base === null ? null : MIDDLE_S + (at - this.base) / 1000;
  }

  /** Time of the picture that a moment shows, of those that came; `null` where none did. */
  before(at: number): number | null {
    return this.times.findLast((time) => time <= at + 0.5) ?? null;
  }

  /** Time of the picture behind a moment, of those that came. */
  after(at: number): number | null {
    // From the newest on: the moment is near it.
    let next: number | null = null;
    for (let n = this.times.length - 1; n >= 0; n--) {
      const time = this.times[n] as number;
      if (time <= at + 0.5) break;
      next = time;
    }
    return next;
  }

  /** How far the pictures that came last are apart, ms. */
  get spacing(): number {
    const [before, last] = this.times.slice(-2);
    return before === undefined || last === undefined ? 0 : Math.abs(last - before);
  }

  /** Whether it could show the picture of this time: no more has to come. */
  holds(time: number): boolean {
    const wanted = (this.timeOf(time) ?? 0) + INTO_S;
    const { buffered } = this.video;
    for (let n = 0; n < buffered.length; n++) if (buffered.start(n) <= wanted && wanted < buffered.end(n)) return true;
    return false;
  }

  changeCodec(codec: string): void {
    if (codec === this.codec) return;
    this.codec = codec;
    if (this.#buffer && !this.#buffer.updating) this.#buffer.changeType(mimeOf(codec));
  }

  push(message: MediaMessage): void {
    const init = message.kind === "initialisation";
    if (!init) {
      const time = message.mediaTime / TICKS_PER_MS;
      this.base ??= time;
      this.furthest = time;
      let place = this.times.length;
      while (place > 0 && (this.times[place - 1] as number) > time) place--;
      this.times.splice(place, 0, time);
      if (this.times.length > MOST_TIMES) this.times.splice(0, this.times.length - MOST_TIMES);
    }
    if (this.waiting.length < MOST_WAITING) this.waiting.push({ bytes: message.payload, init });
    this.pump();
  }

  /** Forgets what lies well behind. */
  trim(): void {
    const buffer = this.#buffer;
    if (!buffer || buffer.updating || buffer.buffered.length === 0) return;
    const { currentTime } = this.video;
    const start = buffer.buffered.start(0);
    if (start < currentTime - 2 * KEEP_S) buffer.remove(start, currentTime - KEEP_S);
  }

  pump = (): void => {
    const buffer = this.#buffer;
    if (this.closed || !buffer || buffer.updating || this.#source.readyState !== "open") return;
    const first = this.waiting[0];
    if (!first || (this.base === null && !first.init)) return;
    // What came together goes in together, as far as the initialisation is the same.
    let n = 1;
    while (!first.init && n < this.waiting.length && !this.waiting[n]?.init) n += 1;
    const taken = this.waiting.splice(0, n);
    try {
      if (!first.init && this.base !== null) {
        const offset = MIDDLE_S - this.base / 1000;
        if (Math.abs(buffer.timestampOffset - offset) > 1e-6) buffer.timestampOffset = offset;
      }
      buffer.appendBuffer(concat(taken));
    } catch (error) {
      const full = error instanceof DOMException && error.name === "QuotaExceededError";
      if (!full) this.onError(String(error));
      else buffer.remove(0, Math.max(0.1, this.video.currentTime - 1));
    }
  };

  close(): void {
    if (this.closed) return;
    this.closed = true;
    if (this.#frame) this.video.cancelVideoFrameCallback?.(this.#frame);
    this.video.removeEventListener("error", this.#failed);
    this.#buffer?.removeEventListener("updateend", this.pump);
    this.#buffer = null;
    this.waiting = [];
    letGo(this.video, this.#url);
  }

  #opened = (): void => {
    if (this.closed) return;
    try {
      this.#buffer = this.#source.addSourceBuffer(mimeOf(this.codec));
      this.#buffer.mode = "segments";
      this.#buffer.addEventListener("updateend", this.pump);
    } catch (error) {
      this.onError(String(error));
      return;
    }
    this.pump();
  };

  #failed = (): void => this.onError(this.video.error?.message || "the decoder gave up");

  #watch(): void {
    if (!("requestVideoFrameCallback" in this.video)) {
      (this.video as HTMLVideoElement).addEventListener("seeked", () => this.#seen(this.video.currentTime));
      (this.video as HTMLVideoElement).addEventListener("timeupdate", () => this.#seen(this.video.currentTime));
      return;
    }
    const seen = (_now: number, frame: VideoFrameCallbackMetadata): void => {
      if (this.closed) return;
      this.#seen(frame.mediaTime);
      this.#frame = this.video.requestVideoFrameCallback(seen);
    };
    this.#frame = this.video.requestVideoFrameCallback(seen);
  }

  #seen(mediaTime: number): void {
    if (this.base === null || this.closed) return;
    const told = this.base + (mediaTime - MIDDLE_S) * 1000;
    // The browser rounds: a microsecond before a picture's own time it would be the one before that a step goes on from.
    this.seen = this.times.findLast((time) => Math.abs(time - told) < SAME_MS) ?? told;
    this.onSeen(this.seen);
  }
}
