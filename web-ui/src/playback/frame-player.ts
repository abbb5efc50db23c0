/** A camera's recording by WebCodecs on a canvas: every picture is shown at the moment that it is of. */
import type { TrackInfo } from "../wire/control";
import { isBare, type MediaMessage } from "../wire/media";
import { type Decoded, FrameQueue } from "./frame-queue";
import { fit, Surface } from "./screen";
import type { Mode } from "./shared-clock";
import { TICKS_PER_MS, type TilePlayer } from "./tile-player";

class Shot implements Decoded {
  constructor(
    readonly time: number,
    readonly frame: VideoFrame,
  ) {}
  close(): void {
    this.frame.close();
  }
}

export class FramePlayer implements TilePlayer {
  readonly element = document.createElement("div");
  readonly format = "raw";
  #surface = new Surface();
  #queue = new FrameQueue<Shot>(false);
  #back = false;
  #decoder: VideoDecoder | null = null;
  #codec = "";
  /** The configuration that the next picture needs. */
  #head: Uint8Array<ArrayBuffer> | null = null;
  /** What the decoder was configured by. */
  #used: Uint8Array<ArrayBuffer> | null = null;
  #at = 0;
  #shown: number | null = null;
  /** The picture on the screen: drawn again where its room changes. */
  #drawn: VideoFrame | null = null;
  #room = new ResizeObserver(() => this.#draw());
  #dropped = 0;
  #closed = false;

  constructor(private readonly onError: (error: string) => void) {
    this.element.className = "elements";
    this.element.append(this.#surface.canvas);
    this.#room.observe(this.element);
  }

  get shown(): number | null {
    return this.#shown;
  }
  get furthest(): number | null {
    return this.#queue.furthest;
  }
  get begins(): number | null {
    return this.#back ? null : this.#queue.first;
  }
  get ready(): boolean {
    return !this.#queue.seeking;
  }
  get dropped(): number {
    return this.#dropped + this.#queue.left;
  }

  opened(video: TrackInfo, fresh: boolean, mode: Mode): void {
    const back = mode === "back";
    this.#codec = video.codec;
    if (!fresh) return;
    this.#dropped += this.#queue.left;
    this.#queue.clear();
    this.#queue = new FrameQueue<Shot>(back);
    this.#back = back;
    this.#head = null;
    this.#used = null;
    this.#endDecoder();
  }

  push(message: MediaMessage): void {
    if (this.#closed || message.track !== 0 || !isBare(message)) return;
    if (message.kind === "initialisation") {
      this.#head = message.payload;
      return;
    }
    const head = this.#head;
    this.#head = null;
    const time = message.mediaTime / TICKS_PER_MS;
    this.#queue.push({ time, key: message.key, bytes: message.payload, head }, performance.now());
    this.#feed();
  }

  show(at: number, _rate: number, mono: number): void {
    const shot = this.#queue.pick(at, mono);
    if (!shot || this.#closed) return;
    this.#drawn?.close();
    this.#drawn = shot.frame;
    this.#shown = shot.time;
    this.#draw();
  }

  prepare(at: number): void {
    this.#at = at;
    this.#feed();
  }

  reach(at: number): number {
    return this.#queue.reach(at);
  }
  get spacing(): number {
    return this.#queue.spacing;
  }

  /** None is left out but where it says so. */
  get gap(): number {
    return this.spacing;
  }

  lag(at: number): number {
    return this.#queue.lag(at);
  }

  behind(): null {
    return null;
  }
  /** Pictures are decoded ahead, and of what has passed none is kept. */
  aim(): null {
    return null;
  }
  keeps(): boolean {
    return false;
  }
  before(): null {
    return null;
  }
  after(at: number): number | null {
    return this.#queue.after(at);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#room.disconnect();
    this.#queue.clear();
    this.#endDecoder();
    this.#drawn?.close();
    this.#drawn = null;
    this.#surface.close();
    this.element.remove();
  }

  /** No more pixels than the screen shows: nine pictures of 1080p are drawn in the time of one. */
  #draw(): void {
    const frame = this.#drawn;
    if (!frame || this.#closed) return;
    if (this.#surface.isSlow) {
      this.#surface.close();
      this.#surface = new Surface();
      this.element.append(this.#surface.canvas);
    }
    const [width, height] = fit(frame.displayWidth, frame.displayHeight, this.element);
    this.#surface.draw(frame, width, height);
    this.#surface.canvas.dataset.at = this.#shown?.toFixed(2);
  }

  #feed(): void {
    for (;;) {
      const piece = this.#closed ? null : this.#queue.next(this.#at);
      if (!piece) return;
      try {
        if (piece.head || !this.#decoder) this.#configure(piece.head ?? this.#used);
        // The decoder gives microseconds back as they were given: whole ones, and of the same picture the same.
        const timestamp = Math.round(piece.time * 1000);
        this.#times.set(timestamp, piece.time);
        this.#decoder?.decode(
          new EncodedVideoChunk({ type: piece.key ? "key" : "delta", timestamp, data: piece.bytes }),
        );
      } catch (error) {
        this.#fail(String(error));
        return;
      }
    }
  }

  #times = new Map<number, number>();

  #configure(head: Uint8Array<ArrayBuffer> | null): void {
    this.#used = head;
    const queue = this.#queue;
    this.#decoder ??= new VideoDecoder({
      output: (frame) => {
        const time = this.#times.get(frame.timestamp);
        this.#times.delete(frame.timestamp);
        if (this.#closed || queue !== this.#queue || time === undefined) frame.close();
        else queue.out(new Shot(time, frame));
      },
      error: (error) => this.#fail(String(error)),
    });
    this.#decoder.ondequeue = () => this.#feed();
    this.#decoder.configure({
      codec: this.#codec,
      ...(head && head.byteLength > 0 ? { description: head } : {}),
      optimizeForLatency: true,
    });
  }

  #fail(error: string): void {
    if (this.#closed) return;
    this.#queue.clear();
    this.#endDecoder();
    this.onError(error);
  }

  #endDecoder(): void {
    const decoder = this.#decoder;
    this.#decoder = null;
    this.#times.clear();
    if (!decoder) return;
    decoder.ondequeue = null;
    if (decoder.state !== "closed") decoder.close();
  }
}
