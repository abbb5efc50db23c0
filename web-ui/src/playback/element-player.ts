/**
 * A camera's recording in a `<video>` by Media Source Extensions, for pages that may not use WebCodecs (a plain origin). The
 * element's own clock is drawn to the playback's: by its rate where they are near, by a jump where they are not.
 */
import { mediaSourceClass, mimeOf } from "../player/mse";
import type { TrackInfo } from "../wire/control";
import { isBare, type MediaMessage } from "../wire/media";
import { TICKS_PER_MS, type TilePlayer } from "./tile-player";

/** Where a run's first picture stands on the element's timeline, seconds: there is room before it to go backwards. */
const MIDDLE_S = 100_000;
/** Further off than this it jumps, seconds of the viewer's time: a seek decodes from the key frame on, so what is less is played away. */
const JUMP_S = 1;
/** Most that the element's rate gives way to come nearer: nobody hears it. */
const GENTLE = 0.4;
/** A change of its rate that is not worth telling the browser, as a share. */
const FINE = 0.03;
/** Ahead by more than this it stands until the moment is there, seconds of the viewer's time. */
const AHEAD_S = 0.06;
/** It stands at the moment, seconds. */
const THERE_S = 0.05;
/** Standing still: a picture's own time counts to the frame. */
const EXACT_S = 0.004;
/** Kept behind the moment, seconds. */
const KEEP_S = 8;
/** A picture so near to the one that is due is it; where the clock goes on meanwhile, one that can catch up. */
const NEAR_MS = 20;
/** Two times of one picture are no further apart. */
const SAME_MS = 2;
const LATE_MS = 250;
const UNTOLD_MS = 500;
const MOST_WAITING = 2000;
const MOST_TIMES = 4000;
const LEAST_RATE = 0.0625;
const MOST_RATE = 16;

/** One run: an element of its own, so that the old picture stays until this one has its own. */
class Run {
  readonly video = document.createElement("video");
  /** Time of the run's first picture, UTC ms. */
  base: number | null = null;
  times: number[] = [];
  furthest: number | null = null;
  shown: number | null = null;
  waiting: { bytes: Uint8Array<ArrayBuffer>; init: boolean }[] = [];
  #source: MediaSource;
  #buffer: SourceBuffer | null = null;
  #url: string;
  #frame = 0;
  #arrived = false;
  closed = false;

  constructor(
    private codec: string,
    private readonly onError: (error: string) => void,
  ) {
    const Source = mediaSourceClass();
    if (!Source) throw new Error("no MediaSource in this browser");
    const { video } = this;
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

  /** It is what is on the screen from now on. */
  arrive(): void {
    this.#arrived = true;
    this.tell();
  }

  tell(): void {
    if (this.#arrived && this.shown !== null) this.video.dataset.at = this.shown.toFixed(2);
  }

  /** Time of the picture that a moment shows, of those that came; `null` where none did. */
  before(at: number): number | null {
    let last: number | null = null;
    for (const time of this.times) if (time <= at + 0.5 && (last === null || time > last)) last = time;
    return last;
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
      this.times.push(time);
      if (this.times.length > MOST_TIMES) this.times.splice(0, this.times.length - MOST_TIMES);
    }
    if (this.waiting.length < MOST_WAITING) this.waiting.push({ bytes: message.payload, init });
    this.pump();
  }

  /** Forgets what lies well behind. */
  trim(rate: number): void {
    const buffer = this.#buffer;
    if (!buffer || buffer.updating || buffer.buffered.length === 0) return;
    const { currentTime } = this.video;
    if (rate >= 0) {
      const start = buffer.buffered.start(0);
      if (start < currentTime - 2 * KEEP_S) buffer.remove(start, currentTime - KEEP_S);
    } else {
      const end = buffer.buffered.end(buffer.buffered.length - 1);
      if (end > currentTime + 4 * KEEP_S) buffer.remove(currentTime + 2 * KEEP_S, end);
    }
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
      buffer.appendBuffer(concat(taken.map((one) => one.bytes)));
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
    this.video.pause();
    this.video.removeAttribute("src");
    this.video.load();
    this.video.remove();
    URL.revokeObjectURL(this.#url);
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
    this.shown = this.times.findLast((time) => Math.abs(time - told) < SAME_MS) ?? told;
    this.tell();
  }
}

export class ElementPlayer implements TilePlayer {
  readonly element = document.createElement("div");
  readonly format = "fmp4";
  #run: Run | null = null;
  #old: Run | null = null;
  #ready = false;
  #back = false;
  #codec = "";
  #trimmed = 0;
  /** Since when it stands at the moment without a word of the picture, monotonic ms. */
  #stands: number | null = null;

  constructor(private readonly onError: (error: string) => void) {
    this.element.className = "elements";
  }

  get shown(): number | null {
    return this.#ready ? (this.#run?.shown ?? null) : (this.#old?.shown ?? null);
  }
  get furthest(): number | null {
    return this.#run?.furthest ?? null;
  }
  get begins(): number | null {
    return this.#back ? null : (this.#run?.base ?? null);
  }
  get ready(): boolean {
    return this.#ready;
  }
  get dropped(): number {
    return this.#run?.video.getVideoPlaybackQuality?.().droppedVideoFrames ?? 0;
  }

  opened(video: TrackInfo, fresh: boolean, back: boolean): void {
    this.#codec = video.codec;
    if (!fresh) {
      this.#run?.changeCodec(video.codec);
      return;
    }
    // The one that shows something stays until the new one does.
    if (this.#ready || !this.#old) {
      this.#old?.close();
      this.#old = this.#run;
    } else this.#run?.close();
    this.#old?.video.pause();
    this.#ready = false;
    this.#back = back;
    this.#stands = null;
    this.#run = new Run(this.#codec, this.onError);
    this.element.prepend(this.#run.video);
  }

  push(message: MediaMessage): void {
    if (message.track === 0 && !isBare(message)) this.#run?.push(message);
  }

  /** The element does. */
  prepare(): void {}

  show(at: number, rate: number, mono: number, held: boolean): void {
    const run = this.#run;
    const wanted = run?.timeOf(at) ?? null;
    if (!run || wanted === null || run.video.readyState === 0) return;
    const { video } = run;
    const off = wanted - video.currentTime;
    const still = held || rate === 0;
    if (!this.#ready || still) {
      this.#arrive(run, at, off, mono, still ? NEAR_MS : LATE_MS * Math.max(1, Math.abs(rate)));
    }
    // Before it is where it should be all that came lies far from where it is.
    if (this.#ready && mono - this.#trimmed > 1000) {
      this.#trimmed = mono;
      run.trim(rate);
    }
    if (rate > 0 && this.#ready) {
      const fast = Math.max(1, rate);
      if (Math.abs(off) > JUMP_S * fast && !video.seeking) video.currentTime = wanted;
      // Where the clock stands, who is behind goes on to it, and who is there stands: a stop and a start of each cost more than they
      // are worth, and to be put right to the frame would be a seek.
      if (-off > (held ? -EXACT_S : AHEAD_S * fast)) {
        if (!video.paused) video.pause();
        return;
      }
      if (video.paused && off < 0 && !held) return;
      const most = GENTLE * Math.max(0.5, rate);
      const nearer = Math.max(-GENTLE * rate, Math.min(held ? 1 : most, (2 * off) / fast));
      const speed = Math.min(MOST_RATE, Math.max(LEAST_RATE, rate + nearer));
      if (Math.abs(video.playbackRate - speed) > FINE * speed) video.playbackRate = speed;
      if (video.paused) video.play().catch(() => undefined);
      return;
    }
    if (!video.paused) video.pause();
    // A picture begins at its own time; half a millisecond into it no rounding is between. Backwards the first one ends at the moment
    // that was asked for: there is nothing to show at its very end.
    const { buffered } = video;
    if (rate < 0 && buffered.length === 0) return;
    const there = rate < 0 ? Math.min(wanted, buffered.end(buffered.length - 1) - EXACT_S) : wanted;
    const aside = there + 0.0005 - video.currentTime;
    if (!video.seeking && Math.abs(aside) > (rate < 0 ? 0.1 : EXACT_S)) video.currentTime = there + 0.0005;
  }

  lag(at: number): number {
    const run = this.#run;
    if (!this.#ready || run?.shown == null || run.furthest === null) return 0;
    // One that stands at the moment has its picture: a busy browser does not always tell of the last one before a stop.
    const { video } = run;
    const off = (run.timeOf(at) ?? video.currentTime) - video.currentTime;
    if (video.paused && !video.seeking && video.readyState >= 2 && off < THERE_S) return 0;
    return Math.max(0, Math.min(at, run.furthest) - run.shown);
  }

  behind(at: number): number | null {
    const run = this.#run;
    if (!this.#ready || !run) return 0;
    const wanted = run.timeOf(at);
    return wanted === null ? 0 : (wanted - run.video.currentTime) * 1000;
  }

  /** Its own clock is drawn to the moment; nothing else is. */
  reach(at: number): number {
    return at;
  }
  get spacing(): number {
    const times = this.#run?.times ?? [];
    const [before, last] = times.slice(-2);
    return before === undefined || last === undefined ? 0 : Math.abs(last - before);
  }

  after(at: number): number | null {
    let next: number | null = null;
    for (const time of this.#run?.times ?? []) if (time > at + 0.5 && (next === null || time < next)) next = time;
    return next;
  }

  close(): void {
    this.#run?.close();
    this.#old?.close();
    this.#run = null;
    this.#old = null;
    this.element.remove();
  }

  /**
   * Whether it shows the moment, and the one before can go. On its way from the key frame to there a browser shows pictures too: they
   * are of another moment than what the others show.
   */
  #arrive(run: Run, at: number, off: number, mono: number, near: number): void {
    const due = this.#back ? null : run.before(at);
    // Pictures come one by one: the last before the moment is known by the one behind it, where one comes.
    const known = this.#settle(run, at, off, mono) || this.#back || (run.furthest ?? 0) > at - 1;
    const { shown } = run;
    if (this.#ready || !known || shown === null || (due !== null && shown < due - near)) return;
    this.#ready = true;
    run.arrive();
    this.#old?.close();
    this.#old = null;
  }

  /** Whether it has stood at the moment for a while. A busy browser does not always tell of the last picture before a stop. */
  #settle(run: Run, at: number, off: number, mono: number): boolean {
    const { video } = run;
    const stands = video.paused && !video.seeking && video.readyState >= 2 && Math.abs(off) < THERE_S;
    this.#stands = stands ? (this.#stands ?? mono) : null;
    if (this.#stands === null || mono - this.#stands < UNTOLD_MS) return false;
    const own = this.#back ? null : run.before(at - off * 1000);
    if (own !== null && Math.abs((run.shown ?? 0) - own) >= NEAR_MS) {
      run.shown = own;
      run.tell();
    }
    return true;
  }
}

function concat(pieces: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  if (pieces.length === 1 && pieces[0]) return pieces[0];
  const all = new Uint8Array(pieces.reduce((sum, one) => sum + one.byteLength, 0));
  let at = 0;
  for (const one of pieces) {
    all.set(one, at);
    at += one.byteLength;
  }
  return all;
}
