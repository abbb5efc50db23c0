/**
 * Key frames of a recording by Media Source Extensions, one at a time, in whatever order they come. The element never plays: it is
 * given the one picture that is wanted, at a time of its own behind the one before, and sent there. So only what is shown is decoded,
 * and nobody's clock has to be drawn to another's.
 */
import { letGo, mediaSourceClass, mimeOf } from "../player/mse";
import { concat } from "../player/queue";
import type { MediaMessage } from "../wire/media";
import { TICKS_PER_MS } from "./tile-player";

interface Key {
  readonly time: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What its decoder needs to know before it, where that is something else. */
  readonly head: { readonly bytes: Uint8Array<ArrayBuffer>; readonly codec: string } | null;
}

/** Encoded ones that wait: what the gateway sends ahead, and as much again. The first to come go first. */
const MOST_BYTES = 24 * 1024 * 1024;
/** The element forgets what it has shown after so many. */
const FORGET = 16;

export class KeyRun {
  readonly video = document.createElement("video");
  base: number | null = null;
  furthest: number | null = null;
  spacing = 0;
  closed = false;
  #waiting: Key[] = [];
  #bytes = 0;
  #head: Key["head"] = null;
  #source: MediaSource;
  #buffer: SourceBuffer | null = null;
  #url: string;
  #codec: string;
  /** What the element is being sent to, and since when, monotonic ms. */
  #loading: { readonly key: Key; readonly since: number; sent: boolean } | null = null;
  /** The one that came out last. */
  #decoded: number | null = null;
  #given = 0;
  /** Where the picture that was given last begins, on the element's own timeline, seconds. */
  #at = 0;

  /** `onDecoded`: the element shows the picture of this time until the next one is asked for. */
  constructor(
    codec: string,
    private readonly back: boolean,
    private readonly onDecoded: (time: number) => void,
    private readonly onError: (error: string) => void,
  ) {
    const Source = mediaSourceClass();
    if (!Source) throw new Error("no MediaSource in this browser");
    this.#codec = codec;
    const { video } = this;
    video.muted = true;
    video.playsInline = true;
    video.preload = "auto";
    if (typeof MediaSource === "undefined") video.disableRemotePlayback = true;
    this.#source = new Source();
    this.#url = URL.createObjectURL(this.#source);
    this.#source.addEventListener("sourceopen", this.#opened, { once: true });
    video.addEventListener("error", this.#failed);
    video.addEventListener("seeked", this.#arrived);
    video.src = this.#url;
  }

  /** Since when a picture is on its way, monotonic ms. */
  get since(): number | null {
    return this.#loading?.since ?? null;
  }

  changeCodec(codec: string): void {
    this.#codec = codec;
  }

  push(message: MediaMessage): void {
    if (message.kind === "initialisation") {
      this.#head = { bytes: message.payload, codec: this.#codec };
      return;
    }
    const time = message.mediaTime / TICKS_PER_MS;
    if (this.furthest !== null) this.spacing = Math.abs(time - this.furthest);
    this.base ??= time;
    this.furthest = time;
    this.#waiting.push({ time, bytes: message.payload, head: this.#head });
    this.#head = null;
    this.#bytes += message.payload.byteLength;
    while (this.#bytes > MOST_BYTES) this.#drop(1);
  }

  /** Makes ready the picture of a moment. Whether it is, or nothing nearer is here. */
  aim(at: number, mono: number): boolean {
    if (this.#loading) return false;
    // In the order that they come in: forwards the last that is not behind the moment, backwards the first.
    const due = (key: Key) => key.time <= at + 0.5;
    const n = this.back ? this.#waiting.findIndex(due) : this.#waiting.findLastIndex(due);
    const key = this.#waiting[n];
    if (!key || (this.back && this.#decoded !== null && this.#decoded <= at + 0.5)) return true;
    if (!this.#buffer || this.#buffer.updating) return false;
    this.#drop(n);
    const [first] = this.#waiting.splice(0, 1);
    if (!first) return true;
    this.#bytes -= first.bytes.byteLength;
    this.#load(first, mono);
    return false;
  }

  /** Time of the first picture behind a moment, of those that wait. */
  after(at: number): number | null {
    const later = this.#waiting.map((key) => key.time).filter((time) => time > at + 0.5);
    return later.length > 0 ? Math.min(...later) : null;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    const { video } = this;
    video.removeEventListener("error", this.#failed);
    video.removeEventListener("seeked", this.#arrived);
    this.#buffer?.removeEventListener("updateend", this.#updated);
    this.#buffer = null;
    this.#waiting = [];
    letGo(video, this.#url);
  }

  /** Leaves out the first ones; what their decoder was to know the next one brings. */
  #drop(count: number): void {
    for (const { bytes, head } of this.#waiting.splice(0, count)) {
      this.#bytes -= bytes.byteLength;
      const next = this.#waiting[0];
      if (!head) continue;
      if (!next) this.#head ??= head;
      else if (!next.head) this.#waiting[0] = { ...next, head };
    }
  }

  #load(key: Key, mono: number): void {
    const buffer = this.#buffer;
    if (!buffer) return;
    this.#loading = { key, since: mono, sent: false };
    try {
      const { buffered } = buffer;
      const end = buffered.length > 0 ? buffered.end(buffered.length - 1) : 0;
      if (this.#given >= FORGET && end > 0) {
        this.#given = 0;
        // What it shows stays on the screen: the copy is the player's.
        buffer.remove(0, end);
        return;
      }
      this.#append(key);
    } catch (error) {
      this.onError(String(error));
    }
  }

  #append({ bytes, head }: Key): void {
    const buffer = this.#buffer;
    if (!buffer) return;
    if (head) buffer.changeType(mimeOf(head.codec));
    const { buffered } = buffer;
    this.#given += 1;
    this.#at = buffered.length > 0 ? buffered.end(buffered.length - 1) : this.#at + 1;
    buffer.timestampOffset = this.#at;
    buffer.appendBuffer(head ? concat([head, { bytes }]) : bytes);
  }

  #updated = (): void => {
    const loading = this.#loading;
    const buffer = this.#buffer;
    if (!loading || !buffer || loading.sent) return;
    try {
      const { buffered } = buffer;
      if (buffered.length === 0) {
        this.#append(loading.key);
        return;
      }
      loading.sent = true;
      const end = buffered.end(buffered.length - 1);
      // Nothing comes behind it: the decoder gives out what it has.
      if (this.#source.readyState === "open") this.#source.endOfStream();
      this.video.currentTime = this.#at + Math.min(0.01, (end - this.#at) / 2);
    } catch (error) {
      this.onError(String(error));
    }
  };

  #arrived = (): void => {
    const loading = this.#loading;
    if (this.closed || !loading?.sent || this.video.seeking) return;
    this.#loading = null;
    this.#decoded = loading.key.time;
    this.onDecoded(loading.key.time);
  };

  #opened = (): void => {
    if (this.closed || this.#buffer) return;
    try {
      this.#buffer = this.#source.addSourceBuffer(mimeOf(this.#codec));
      // Each goes where it is put, whatever its own time.
      this.#buffer.mode = "sequence";
      this.#buffer.addEventListener("updateend", this.#updated);
    } catch (error) {
      this.onError(String(error));
    }
  };

  #failed = (): void => this.onError(this.video.error?.message || "the decoder gave up");
}
