/**
 * One track of a feed in one `<video>` by Media Source Extensions: a picture, or sound that goes with one. A feed that changes
 * its number gets a new one of these.
 */
import { type MediaTicks, mediaSeconds, monoMillis } from "../domain/ids";
import { isBare, type MediaMessage } from "../wire/media";
import { decide, EDGE, type Range, trim } from "./live-edge";
import type { Player, PlayerEvents } from "./player";
import { concat, type Piece, PieceQueue } from "./queue";
import { together } from "./sound-clock";
import { FeedTimeline } from "./timeline";

type MediaSourceClass = typeof MediaSource;
interface WithManaged {
  ManagedMediaSource?: MediaSourceClass;
}
/** The managed one says when it takes data; what comes meanwhile waits in our own bounded queue. */
interface Managed {
  readonly streaming?: boolean;
}

/** MediaSource, or the managed one of iOS, or nothing. */
export function mediaSourceClass(): MediaSourceClass | null {
  if (typeof MediaSource !== "undefined") return MediaSource;
  return (globalThis as WithManaged).ManagedMediaSource ?? null;
}

export const mimeOf = (codec: string, sound = false): string => `${sound ? "audio" : "video"}/mp4; codecs="${codec}"`;
export const canPlay = (codec: string, sound = false): boolean =>
  mediaSourceClass()?.isTypeSupported(mimeOf(codec, sound)) ?? false;

/** How often the distance to the edge is looked at, ms. */
const TICK_MS = 200;
/** What must be here before the first picture, seconds. */
const START_S = 0.2;

export interface MseEvents extends PlayerEvents {
  /** This is sound: the feed's time, seconds, of the picture that it goes with; `null` while there is none. */
  readonly picture?: () => number | null;
}

/** Takes a `<video>` that was fed by a media source out of the page, and gives back what it holds. */
export function letGo(video: HTMLVideoElement, url: string): void {
  video.pause();
  video.removeAttribute("src");
  video.load();
  video.remove();
  URL.revokeObjectURL(url);
}

export class MsePlayer implements Player {
  readonly video: HTMLVideoElement;
  #source: MediaSource | null;
  #buffer: SourceBuffer | null = null;
  #queue = new PieceQueue();
  #timeline = new FeedTimeline();
  #url: string;
  #tick: ReturnType<typeof setInterval>;
  #frame = 0;
  #lastTime = -1;
  #movedAt = performance.now();
  #pump = false;
  #closed = false;
  #started = false;
  #settled = false;
  #head: Uint8Array | null = null;
  frozen = false;

  constructor(
    private codec: string,
    private readonly events: MseEvents,
  ) {
    const Source = mediaSourceClass();
    if (!Source) throw new Error("no MediaSource in this browser");
    const video = document.createElement("video");
    video.muted = events.picture === undefined;
    video.playsInline = true;
    video.disablePictureInPicture = true;
    // ManagedMediaSource does not open without it.
    if (typeof MediaSource === "undefined") video.disableRemotePlayback = true;
    this.video = video;
    const source = new Source();
    this.#source = source;
    this.#url = URL.createObjectURL(source);
    source.addEventListener("sourceopen", this.#opened, { once: true });
    source.addEventListener("startstreaming", this.#schedule);
    video.addEventListener("error", this.#failed);
    video.src = this.#url;
    this.#tick = setInterval(this.#follow, TICK_MS);
    this.#watchFrames();
  }

  get element(): HTMLVideoElement {
    return this.video;
  }
  get width(): number {
    return this.video.videoWidth;
  }
  get height(): number {
    return this.video.videoHeight;
  }

  get #sound(): boolean {
    return this.events.picture !== undefined;
  }

  /** Takes a media message of its track. */
  push(message: MediaMessage): void {
    if (this.#closed || message.track !== (this.#sound ? 1 : 0) || isBare(message)) return;
    if (message.kind === "initialisation") {
      // Over WebTransport every group brings its own: the same again is no news.
      if (this.#head && equal(this.#head, message.payload)) return;
      this.#head = message.payload;
    }
    this.#queue.push({
      bytes: message.payload,
      init: message.kind === "initialisation",
      // Every packet of sound can be started from; the wire's bit speaks of pictures.
      key: message.key || this.#sound,
      discontinuity: message.discontinuity,
      mediaTime: message.mediaTime,
      captureTime: message.captureTime,
    });
    this.#schedule();
  }

  /** The codec string of what follows (the gateway said `opened` again for the same feed). */
  changeCodec(codec: string): void {
    if (codec === this.codec) return;
    this.codec = codec;
    const buffer = this.#buffer;
    if (buffer && !buffer.updating) buffer.changeType(mimeOf(codec, this.#sound));
  }

  /** Seconds between the shown picture and the newest one that is here. */
  get behind(): number {
    return Math.max(0, this.#timeline.edge - this.video.currentTime);
  }
  /** The feed's time of what is shown, seconds; `null` before anything is. */
  get media(): number | null {
    return this.#started ? this.#timeline.mediaAt(mediaSeconds(this.video.currentTime)) : null;
  }
  get dropped(): number {
    return this.#queue.dropped + (this.video.getVideoPlaybackQuality?.().droppedVideoFrames ?? 0);
  }

  freeze(on: boolean): void {
    this.frozen = on;
    if (on) this.video.pause();
    else this.#play();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#tick);
    if (this.#frame) this.video.cancelVideoFrameCallback?.(this.#frame);
    this.video.removeEventListener("error", this.#failed);
    this.#buffer?.removeEventListener("updateend", this.#schedule);
    this.#source?.removeEventListener("sourceopen", this.#opened);
    this.#source?.removeEventListener("startstreaming", this.#schedule);
    this.#queue.clear();
    this.#buffer = null;
    this.#source = null;
    letGo(this.video, this.#url);
  }

  #opened = (): void => {
    if (this.#closed || !this.#source) return;
    try {
      this.#buffer = this.#source.addSourceBuffer(mimeOf(this.codec, this.#sound));
      this.#buffer.mode = "segments";
      this.#buffer.addEventListener("updateend", this.#schedule);
    } catch (error) {
      this.events.onError(String(error));
      return;
    }
    this.#schedule();
  };

  #failed = (): void => this.events.onError(this.video.error?.message || "the decoder gave up");

  /** One append a task at most: what arrives in one burst goes in together. */
  #schedule = (): void => {
    if (this.#pump || this.#closed) return;
    this.#pump = true;
    queueMicrotask(() => {
      this.#pump = false;
      this.#append();
    });
  };

  #append(): void {
    const buffer = this.#buffer;
    if (!buffer || buffer.updating || this.#closed || this.#source?.readyState !== "open") return;
    if ((this.#source as Managed).streaming === false) return;
    let last: MediaTicks | null = null;
    const batch = this.#queue.take((piece) => {
      const moves = this.#timeline.moves(piece, last);
      last = piece.mediaTime;
      return moves;
    });
    const first = batch[0];
    if (!first) return;
    try {
      if (!first.init) {
        const offset = this.#timeline.offsetFor(first);
        if (Math.abs(buffer.timestampOffset - offset) > 1e-6) buffer.timestampOffset = offset;
        for (const piece of batch) this.#timeline.appended(piece.mediaTime, piece.captureTime);
      }
      buffer.appendBuffer(concat(batch));
    } catch (error) {
      this.#recover(error, batch);
    }
  }

  #recover(error: unknown, batch: Piece[]): void {
    const buffer = this.#buffer;
    const full = error instanceof DOMException && error.name === "QuotaExceededError";
    if (!full || !buffer || buffer.updating) {
      this.events.onError(String(error));
      return;
    }
    // What was in the batch is lost; playing goes on at the next key frame.
    console.warn(`source buffer full, ${batch.length} fragments left out`);
    buffer.remove(0, Math.max(0.1, this.video.currentTime - 1));
  }

  #follow = (): void => {
    const buffer = this.#buffer;
    const video = this.video;
    if (!buffer || this.frozen) return;
    const now = monoMillis(performance.now());
    if (video.currentTime !== this.#lastTime) {
      this.#lastTime = video.currentTime;
      this.#movedAt = now;
    }
    const ranges = rangesOf(buffer);
    const last = ranges.at(-1);
    if (!last) return;
    if (!this.#started) {
      if (last.end - last.start < START_S) return;
      this.#started = true;
      if (video.currentTime < last.start) video.currentTime = last.start;
      this.#play();
      return;
    }
    const picture = this.events.picture?.() ?? null;
    const action =
      picture === null
        ? decide({
            currentTime: video.currentTime,
            rate: video.playbackRate,
            ranges,
            stalledMs: now - this.#movedAt,
            settled: this.#settled,
          })
        : together(this.#timeline.timeOf(picture) - video.currentTime, video.playbackRate, video.currentTime, last);
    if (last.end - video.currentTime <= EDGE.arrived) this.#settled = true;
    if (action.kind === "seek") {
      video.currentTime = action.to;
      video.playbackRate = 1;
      this.#movedAt = now;
    } else if (action.kind === "rate") {
      video.playbackRate = action.rate;
    }
    if (video.paused) this.#play();
    const old = trim(video.currentTime, ranges);
    if (old && !buffer.updating) buffer.remove(old.start, old.end);
    this.#schedule();
  };

  #play(): void {
    // Refused only while the page is hidden; the next tick asks again.
    this.video.play().catch(() => undefined);
  }

  #watchFrames(): void {
    const shown = (_now: number, frame: VideoFrameCallbackMetadata): void => {
      if (this.#closed) return;
      this.events.onFrame(this.#timeline.captureAt(mediaSeconds(frame.mediaTime)));
      this.#frame = this.video.requestVideoFrameCallback(shown);
    };
    if ("requestVideoFrameCallback" in this.video) this.#frame = this.video.requestVideoFrameCallback(shown);
    else {
      const element = this.video as HTMLVideoElement;
      element.addEventListener("timeupdate", () => {
        if (!this.#closed) this.events.onFrame(this.#timeline.captureAt(mediaSeconds(element.currentTime)));
      });
    }
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && a.every((byte, i) => byte === b[i]);
}

function rangesOf(buffer: SourceBuffer): Range[] {
  const ranges: Range[] = [];
  const buffered = buffer.buffered;
  for (let i = 0; i < buffered.length; i++) ranges.push({ start: buffered.start(i), end: buffered.end(i) });
  return ranges;
}
