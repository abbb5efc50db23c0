/**
 * A camera's recording in a `<video>` by Media Source Extensions, for pages that may not use WebCodecs (a plain origin). The element
 * is a decoder: what it shows is copied, and a copy is drawn when its moment is there. All pictures come from an element that plays,
 * its own clock drawn to the playback's by its rate where they are near, by a jump where they are not; key frames from one that stands.
 */
import type { TrackInfo } from "../wire/control";
import { isBare, type MediaMessage } from "../wire/media";
import { ElementRun, INTO_S } from "./element-run";
import { KeyRun } from "./key-run";
import { Screen } from "./screen";
import type { Mode } from "./shared-clock";
import type { TilePlayer } from "./tile-player";

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
/** A picture so near to the one that is due is it; where the clock goes on meanwhile, one that can catch up. */
const NEAR_MS = 20;
const LATE_MS = 250;
const UNTOLD_MS = 500;
/** A key frame that takes so long to decode is waited for, ms. */
const STUCK_MS = 3000;
const BEFORE_MS = 0.5;
/** A picture is shown for a moment that is no further behind it, ms. */
const APART_MS = 100;
const LEAST_RATE = 0.0625;
const MOST_RATE = 16;

export class ElementPlayer implements TilePlayer {
  readonly element = document.createElement("div");
  readonly format = "fmp4";
  #screen = new Screen();
  #run: ElementRun | null = null;
  #keys: KeyRun | null = null;
  #ready = false;
  #back = false;
  /** The clock stands. */
  #still = false;
  /** What is at least wanted while the run is on its way: time of a picture. */
  #from = Number.NEGATIVE_INFINITY;
  #trimmed = 0;
  /** Since when it stands at the moment without a word of the picture, monotonic ms. */
  #stands: number | null = null;

  constructor(private readonly onError: (error: string) => void) {
    this.element.className = "elements";
    this.element.append(this.#screen.element);
  }

  get shown(): number | null {
    return this.#screen.shown;
  }
  get furthest(): number | null {
    return (this.#run ?? this.#keys)?.furthest ?? null;
  }
  get begins(): number | null {
    return this.#back ? null : ((this.#run ?? this.#keys)?.base ?? null);
  }
  get ready(): boolean {
    return this.#ready;
  }
  get spacing(): number {
    return (this.#run ?? this.#keys)?.spacing ?? 0;
  }
  get gap(): number {
    return this.#screen.gap;
  }
  get dropped(): number {
    return this.#run?.video.getVideoPlaybackQuality?.().droppedVideoFrames ?? 0;
  }

  opened(video: TrackInfo, fresh: boolean, mode: Mode): void {
    if (!fresh) {
      (this.#run ?? this.#keys)?.changeCodec(video.codec);
      return;
    }
    this.#end();
    this.#ready = false;
    this.#back = mode === "back";
    this.#stands = null;
    this.#from = Number.POSITIVE_INFINITY;
    if (mode === "all") {
      this.#run = new ElementRun(video.codec, (time) => this.#saw(time), this.onError);
      this.element.prepend(this.#run.video);
    } else {
      const decoded = (time: number) => {
        if (this.#keys) this.#screen.take(this.#keys.video, time);
      };
      this.#keys = new KeyRun(video.codec, this.#back, decoded, this.onError);
    }
  }

  push(message: MediaMessage): void {
    if (message.track === 0 && !isBare(message)) (this.#run ?? this.#keys)?.push(message);
  }

  aim(at: number, mono: number): boolean | null {
    return this.#keys?.aim(at, mono) ?? null;
  }

  prepare(at: number, rate: number, mono: number, held: boolean): void {
    const run = this.#run;
    this.#still = rate === 0;
    const wanted = run?.timeOf(at) ?? null;
    if (!run || wanted === null || run.video.readyState === 0) return;
    const { video } = run;
    const off = wanted - video.currentTime;
    // What is on the screen is made anew in the size that it has now.
    if (rate === 0 && this.#ready && this.#screen.outgrown) this.#screen.anew();
    if (!this.#ready || rate === 0)
      this.#arrive(run, at, off, mono, rate === 0 || held ? NEAR_MS : LATE_MS * Math.max(1, rate));
    // Before it is where it should be all that came lies far from where it is.
    if (this.#ready && mono - this.#trimmed > 1000) {
      this.#trimmed = mono;
      run.trim();
    }
    if (rate > 0 && this.#ready) this.#follow(video, wanted, rate, held);
    else this.#stand(run, at, wanted);
  }

  show(at: number, rate: number): void {
    if (this.#keys) {
      const found = this.#screen.pick(at);
      // Backwards those that were shown are behind the moment.
      if (found && (!this.#screen.isDrawn(found) || !this.#ready)) {
        this.#screen.draw(found);
        this.#ready = true;
      }
      return;
    }
    if (!this.#run || !this.#ready) return;
    const found = this.#screen.pick(at);
    if (!found || this.#screen.isDrawn(found)) return;
    // Where it stands the picture of the moment, and not the nearest of those that are here.
    const exact = rate === 0 ? this.#run.before(at) : null;
    if (exact !== null && Math.abs(found.time - exact) >= BEFORE_MS) return;
    this.#screen.draw(found);
  }

  lag(at: number): number {
    const { last, shown } = this.#screen;
    if (!this.#ready || last === null) return 0;
    if (this.#keys) {
      const { since } = this.#keys;
      return since !== null && performance.now() - since > STUCK_MS ? Math.abs(at - (shown ?? last)) : 0;
    }
    const run = this.#run;
    if (run?.furthest == null) return 0;
    // One that stands at the moment has its picture: a busy browser does not always tell of the last one before a stop.
    const { video } = run;
    const off = (run.timeOf(at) ?? video.currentTime) - video.currentTime;
    if (video.paused && !video.seeking && video.readyState >= 2 && off < THERE_S) return 0;
    return Math.max(0, Math.min(at, run.furthest) - last);
  }

  behind(at: number): number | null {
    const run = this.#run;
    if (!run) return null;
    const wanted = this.#ready ? run.timeOf(at) : null;
    return wanted === null ? 0 : (wanted - run.video.currentTime) * 1000;
  }

  reach(at: number): number {
    const run = this.#run;
    const { last, passed } = this.#screen;
    if (!run || !this.#ready || this.#still) return at;
    if (last === null) return passed ?? at;
    const { furthest, spacing } = run;
    let first = furthest !== null && spacing > 0 ? Math.min(at, furthest + spacing - BEFORE_MS) : at;
    // Just before the first that is not copied: the one before it is the right one until then.
    const next = run.after(last);
    if (next !== null && next <= first) first = next - 2 * BEFORE_MS;
    // Where the element left some out, the one before stands for no more than its share: then all go on to the one behind.
    first = this.#screen.near(first, Math.max(APART_MS, spacing));
    return passed === null || passed > at ? first : Math.max(passed, first);
  }

  after(at: number): number | null {
    return (this.#run ?? this.#keys)?.after(at) ?? null;
  }

  before(at: number): number | null {
    const time = this.#run?.before(at - 2 * BEFORE_MS) ?? null;
    return time !== null && this.keeps(time) ? time : null;
  }

  keeps(at: number): boolean {
    const due = this.#ready ? (this.#run?.before(at) ?? null) : null;
    return due !== null && (this.#screen.has(due) || (this.#run?.holds(due) ?? false));
  }

  doing(): string {
    const { video, since } = this.#keys ?? { video: this.#run?.video, since: null };
    if (!video) return "no run";
    const { buffered } = video;
    const ranges = Array.from(
      { length: buffered.length },
      (_, n) => `${buffered.start(n).toFixed(2)}-${buffered.end(n).toFixed(2)}`,
    );
    const on = since === null ? "" : `a key frame for ${Math.round(performance.now() - since)} ms, `;
    return `${on}readyState ${video.readyState}, ${video.seeking ? "seeking" : "at"} ${video.currentTime.toFixed(2)} of ${ranges.join(" ")}`;
  }

  close(): void {
    this.#end();
    this.#screen.close();
    this.element.remove();
  }

  #end(): void {
    this.#run?.close();
    this.#keys?.close();
    this.#run = null;
    this.#keys = null;
    this.#screen.anew();
  }

  /** The element shows a picture. On its way to the moment from the key frame a browser shows pictures too: they are not copied. */
  #saw(time: number): void {
    const run = this.#run;
    if (run && (this.#ready || time >= this.#from)) this.#screen.take(run.video, time);
  }

  /** The moment goes on, and its clock is drawn to it. */
  #follow(video: HTMLVideoElement, wanted: number, rate: number, held: boolean): void {
    const off = wanted - video.currentTime;
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
  }

  /** It stands at the picture of the moment. One that is copied already is not looked for. */
  #stand(run: ElementRun, at: number, wanted: number): void {
    const { video } = run;
    if (!video.paused) video.pause();
    const due = run.before(at);
    if (due !== null && this.#screen.has(due)) return;
    const aside = wanted + INTO_S - video.currentTime;
    if (!video.seeking && Math.abs(aside) > EXACT_S) video.currentTime = wanted + INTO_S;
  }

  /** Whether it has the moment. */
  #arrive(run: ElementRun, at: number, off: number, mono: number, near: number): void {
    const due = run.before(at);
    this.#from = due === null ? Number.POSITIVE_INFINITY : due - near;
    // What it shows may have been told before it was known what is due.
    if (!this.#ready && run.seen !== null && run.seen >= this.#from && !run.video.seeking)
      this.#screen.take(run.video, run.seen);
    // Pictures come one by one: the last before the moment is known by the one behind it, where one comes.
    const known = this.#settle(run, at, off, mono) || (run.furthest ?? 0) > at - 1;
    const { last } = this.#screen;
    if (known && last !== null && (due === null || last >= due - near)) this.#ready = true;
  }

  /** Whether it has stood at the moment for a while. A busy browser does not always tell of the last picture before a stop. */
  #settle(run: ElementRun, at: number, off: number, mono: number): boolean {
    const { video } = run;
    const stands = video.paused && !video.seeking && video.readyState >= 2 && Math.abs(off) < THERE_S;
    this.#stands = stands ? (this.#stands ?? mono) : null;
    if (this.#stands === null || mono - this.#stands < UNTOLD_MS) return false;
    const own = run.before(at - off * 1000 + INTO_S * 1000);
    if (own !== null && !this.#screen.has(own)) this.#screen.take(video, own);
    return true;
  }
}
