/**
 * Pictures of a feed by WebCodecs on a canvas: no element's buffer in between, so a picture is on the screen as soon as it is
 * decoded. Bare access units in, one frame at a time; every frame is closed where it is drawn.
 */
import { type UtcMicros, utcMicros } from "../domain/ids";
import { isBare, type MediaMessage } from "../wire/media";
import { Pacer } from "./pacer";
import type { Player, PlayerEvents } from "./player";
import { type Limits, type Piece, PieceQueue } from "./queue";

const TICKS_PER_MS = 90;
const TICKS_PER_S = 90_000;
/** What waits for its time: four seconds of 25 fps. */
const LIMITS: Limits = { items: 100, bytes: 4 * 1024 * 1024 };
/** Waiting in the decoder itself: more is no use, and late pictures that are in there cannot be skipped one by one. */
const MOST_DECODING = 2;
/** Later than this with a newer key frame waiting: it jumps there, ms. */
export const JUMP_MS = 1500;
const MARKS = 200;

export class CodecPlayer implements Player {
  readonly element: HTMLCanvasElement;
  #decoder: VideoDecoder | null;
  #context: CanvasRenderingContext2D | null;
  #queue = new PieceQueue(LIMITS);
  #pacer = new Pacer();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #description: Uint8Array<ArrayBuffer> | null = null;
  /** What the decoder was configured by. */
  #head: Piece | null = null;
  #needKey = true;
  #marks: { timestamp: number; capture: UtcMicros }[] = [];
  #drawn: { media: number; at: number } | null = null;
  #newest = 0;
  #jumped = 0;
  #closed = false;
  #failed = false;
  frozen = false;

  constructor(
    private readonly codec: string,
    private readonly events: PlayerEvents,
  ) {
    this.element = document.createElement("canvas");
    this.element.setAttribute("role", "presentation");
    this.#context = this.element.getContext("2d", { alpha: false, desynchronized: true });
    this.#decoder = new VideoDecoder({ output: this.#draw, error: (error) => this.#fail(String(error)) });
    this.#decoder.ondequeue = () => this.#run();
  }

  get width(): number {
    return this.#drawn ? this.element.width : 0;
  }
  get height(): number {
    return this.#drawn ? this.element.height : 0;
  }
  get media(): number | null {
    const drawn = this.#drawn;
    // Between two pictures time goes on, but not for ever.
    return drawn ? drawn.media + Math.min(0.1, (performance.now() - drawn.at) / 1000) : null;
  }
  get behind(): number {
    return this.#drawn ? Math.max(0, this.#newest - this.#drawn.media) : 0;
  }
  get dropped(): number {
    return this.#queue.dropped + this.#jumped;
  }

  push(message: MediaMessage): void {
    if (this.#closed || this.#failed || message.track !== 0 || !isBare(message)) return;
    const init = message.kind === "initialisation";
    if (init && this.#description && equal(this.#description, message.payload)) return;
    if (init) this.#description = message.payload;
    else {
      if (message.discontinuity) this.#pacer.reset();
      this.#newest = message.mediaTime / TICKS_PER_S;
      this.#pacer.arrived(message.mediaTime / TICKS_PER_MS, performance.now());
    }
    this.#queue.push({
      bytes: message.payload,
      init,
      key: message.key,
      discontinuity: message.discontinuity,
      mediaTime: message.mediaTime,
      captureTime: message.captureTime,
    });
    this.#run();
  }

  /** The picture stands; what comes is decoded all the same, so that going on needs no key frame. */
  freeze(on: boolean): void {
    this.frozen = on;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#queue.clear();
    this.#endDecoder();
    this.#marks = [];
    this.#context = null;
    // The picture's memory goes now, and not with the garbage.
    this.element.width = 0;
    this.element.height = 0;
    this.element.remove();
  }

  /** Hands over what is due. */
  #run(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (;;) {
      const piece = this.#queue.first;
      const decoder = this.#decoder;
      if (!piece || !decoder || this.#closed) return;
      if (piece.init) {
        this.#queue.take(() => true);
        if (!this.#configure(piece)) return;
        continue;
      }
      const wait = this.#pacer.due(piece.mediaTime / TICKS_PER_MS) - performance.now();
      if (wait > 2) {
        this.#timer = setTimeout(() => this.#run(), wait);
        return;
      }
      // Asked again when something came out.
      if (decoder.decodeQueueSize >= MOST_DECODING) {
        if (wait >= -JUMP_MS || !this.#jump(decoder)) return;
        continue;
      }
      this.#queue.take(() => true);
      if (!this.#decode(decoder, piece)) return;
    }
  }

  /** Leaves out all before the newest key frame, what waits in the decoder too. False where there is no newer one. */
  #jump(decoder: VideoDecoder): boolean {
    const left = this.#queue.toNewestKey();
    if (left === 0) return false;
    this.#jumped += left;
    const head = this.#head;
    if (!head) return false;
    try {
      decoder.reset();
    } catch (error) {
      this.#fail(String(error));
      return false;
    }
    return this.#configure(head);
  }

  #configure(piece: Piece): boolean {
    this.#head = piece;
    try {
      this.#decoder?.configure({
        codec: this.codec,
        ...(piece.bytes.byteLength > 0 ? { description: piece.bytes } : {}),
        optimizeForLatency: true,
      });
      this.#needKey = true;
      return true;
    } catch (error) {
      this.#fail(String(error));
      return false;
    }
  }

  #decode(decoder: VideoDecoder, piece: Piece): boolean {
    if (!this.#head || (this.#needKey && !piece.key)) return true;
    this.#needKey = false;
    const timestamp = Math.round((piece.mediaTime * 1000) / TICKS_PER_MS);
    this.#marks.push({ timestamp, capture: piece.captureTime });
    if (this.#marks.length > MARKS) this.#marks.splice(0, this.#marks.length - MARKS);
    try {
      decoder.decode(new EncodedVideoChunk({ type: piece.key ? "key" : "delta", timestamp, data: piece.bytes }));
      return true;
    } catch (error) {
      this.#fail(String(error));
      return false;
    }
  }

  #draw = (frame: VideoFrame): void => {
    const context = this.#context;
    if (this.#closed || this.frozen || !context) {
      frame.close();
      return;
    }
    const { displayWidth, displayHeight, timestamp } = frame;
    if (this.element.width !== displayWidth || this.element.height !== displayHeight) {
      this.element.width = displayWidth;
      this.element.height = displayHeight;
    }
    context.drawImage(frame, 0, 0);
    frame.close();
    this.#drawn = { media: timestamp / 1e6, at: performance.now() };
    const mark = this.#marks.find((one) => one.timestamp === timestamp);
    this.events.onFrame(mark ? utcMicros(mark.capture) : null);
  };

  /** Once; the last picture stays until something better has one. */
  #fail(error: string): void {
    if (this.#closed || this.#failed) return;
    this.#failed = true;
    clearTimeout(this.#timer);
    this.#queue.clear();
    this.#endDecoder();
    this.events.onError(error);
  }

  #endDecoder(): void {
    const decoder = this.#decoder;
    this.#decoder = null;
    if (!decoder) return;
    decoder.ondequeue = null;
    if (decoder.state !== "closed") decoder.close();
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && a.every((byte, i) => byte === b[i]);
}
