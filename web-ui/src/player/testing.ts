/** What a browser gives the player, made of as little as its tests need. Used by tests only. */
import { vi } from "vitest";
import { feedId, mediaTicks, utcMicros } from "../domain/ids";
import { encodeHeader, type MediaKind, type MediaMessage } from "../wire/media";
import { type Line, type LineEvents, type LineKind, WebSocketLine } from "./line";

/** A line whose other end is the test, of either kind. */
export class FakeLine implements Line {
  static made: FakeLine[] = [];
  static get last(): FakeLine {
    return FakeLine.made.at(-1) as FakeLine;
  }
  static of(kind: LineKind): FakeLine[] {
    return FakeLine.made.filter((line) => line.kind === kind);
  }
  sent: { type: string; tile?: number; [key: string]: unknown }[] = [];
  forgotten: number[] = [];
  open = true;
  answers = true;
  constructor(
    readonly kind: LineKind,
    private readonly events: LineEvents,
  ) {
    FakeLine.made.push(this);
  }
  send(text: string) {
    const message = JSON.parse(text);
    this.sent.push(message);
    if (message.tile !== 0 || !this.answers) return;
    queueMicrotask(() => this.say({ type: "error", text: "tile 0 is not open", tile: 0 }));
  }
  forget(feed: number) {
    this.forgotten.push(feed);
  }
  close() {
    this.open = false;
  }
  /** The other end, or the network, closes. */
  cut(code = 1006, why = "cut") {
    if (this.open) this.events.closed(code, why);
  }
  say(value: object) {
    if (this.open) this.events.text(JSON.stringify(value));
  }
  hello() {
    this.say({ type: "hello", version: 1, now: 1e15, max_tiles: 64 });
  }
  opened(tile: number, feed: number, more: object = {}) {
    const tracks = [{ track: 0, kind: "video", codec: "avc1.42c01e", width: 640, height: 360 }];
    this.say({ type: "opened", tile, feed, profile: "sub", tracks, ...more });
  }
  media(feed: number, group: number, frame: number, more: Partial<MediaMessage> = {}) {
    if (!this.open) return;
    this.events.media({
      kind: "fragment",
      key: frame === 0,
      discontinuity: false,
      lastOfGroup: false,
      track: 0,
      feed: feedId(feed),
      group,
      frame,
      mediaTime: mediaTicks((group * 50 + frame) * 3600),
      captureTime: utcMicros(1e15 + (group * 50 + frame) * 40_000),
      payload: more.kind === "initialisation" ? INIT : new Uint8Array([1]),
      ...more,
    });
  }
  types() {
    return this.sent
      .filter((message) => message.tile !== undefined)
      .map((message) => `${message.type} ${message.tile}`);
  }
}

/** Both ways, ends of the test. `udp`: whether there is the better one at all. */
export const fakeWays = (udp = true) => ({
  websocket: (events: LineEvents): Line => new FakeLine("websocket", events),
  webtransport: udp ? (events: LineEvents): Line => new FakeLine("webtransport", events) : null,
});
/** The only way of a page on a plain origin. */
export const socketWay = {
  websocket: (events: LineEvents): Line => new WebSocketLine("ws://test/api/v1/media", events),
  webtransport: null,
};

/** A WebSocket whose other end is the test. */
export class Wire {
  static readonly OPEN = 1;
  static made: Wire[] = [];
  readyState = 1;
  binaryType = "";
  sent: { type: string; tile?: number; [key: string]: unknown }[] = [];
  onmessage: ((message: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  constructor(readonly url: string) {
    Wire.made.push(this);
  }
  static get last(): Wire {
    return Wire.made.at(-1) as Wire;
  }
  static get open(): number {
    return Wire.made.filter((one) => one.readyState === 1).length;
  }
  /** Whether there is still someone at the other end, who answers what is asked of a tile that is not open. */
  answers = true;
  send(text: string) {
    const message = JSON.parse(text);
    this.sent.push(message);
    if (message.tile !== 0 || !this.answers) return;
    queueMicrotask(() => this.say({ type: "error", text: "tile 0 is not open", tile: 0 }));
  }
  close() {
    this.readyState = 3;
  }
  /** The other end, or the network, closes. */
  cut(code = 1006) {
    this.readyState = 3;
    this.onclose?.({ code });
  }
  say(value: object) {
    this.onmessage?.({ data: JSON.stringify(value) });
  }
  hello() {
    this.say({ type: "hello", version: 1, now: 1e15, max_tiles: 64 });
  }
  media(feed: number, more: { frame?: number; kind?: MediaKind; track?: 0 | 1 } = {}) {
    const frame = more.frame ?? 0;
    const header = encodeHeader({
      kind: more.kind ?? "fragment",
      key: frame === 0,
      discontinuity: false,
      lastOfGroup: false,
      track: more.track ?? 0,
      feed: feedId(feed),
      group: 0,
      frame,
      mediaTime: mediaTicks(frame * 3600),
      captureTime: utcMicros(1e15 + frame * 40_000),
    });
    const payload = more.kind === "initialisation" ? INIT : [1];
    const bytes = new Uint8Array(header.byteLength + payload.length);
    bytes.set(header);
    bytes.set(payload, header.byteLength);
    this.onmessage?.({ data: bytes.buffer });
  }
  /** What was said of tiles. */
  types() {
    return this.sent
      .filter((message) => message.tile !== undefined)
      .map((message) => `${message.type} ${message.tile}`);
  }
}

/** An initialisation segment as far as anybody here looks. */
export const INIT = Uint8Array.from([0, 0, 0, 8, 0x66, 0x74, 0x79, 0x70]);
const FRAME_S = 0.04;

/** Takes one byte a frame; what it holds is as long as that. */
export class Buffer extends EventTarget {
  updating = false;
  mode = "";
  timestampOffset = 0;
  appended = 0;
  end = 0;
  fails: Error | null = null;
  get buffered() {
    return { length: this.end > 0 ? 1 : 0, start: () => 0, end: () => this.end };
  }
  appendBuffer(bytes: Uint8Array) {
    if (this.fails) throw this.fails;
    this.appended += 1;
    this.end += bytes[4] === INIT[4] ? 0 : bytes.length * FRAME_S;
    this.#done();
  }
  remove() {
    this.#done();
  }
  changeType() {}
  #done() {
    this.updating = true;
    queueMicrotask(() => {
      this.updating = false;
      this.dispatchEvent(new Event("updateend"));
    });
  }
}

export class Source extends EventTarget {
  static made: Source[] = [];
  static plays = (type: string) => type.includes("avc1") || type.includes("mp4a");
  static isTypeSupported(type: string) {
    return Source.plays(type);
  }
  readyState = "closed";
  buffers: Buffer[] = [];
  types: string[] = [];
  constructor() {
    super();
    Source.made.push(this);
    queueMicrotask(() => {
      this.readyState = "open";
      this.dispatchEvent(new Event("sourceopen"));
    });
  }
  addSourceBuffer(type: string) {
    const buffer = new Buffer();
    this.types.push(type);
    this.buffers.push(buffer);
    return buffer;
  }
}

/** WebCodecs as far as a tile needs them: every chunk comes out as a frame that must be closed. */
export class Decoder {
  static made: Decoder[] = [];
  /** Frames that were handed out and not closed. */
  static frames = 0;
  static supports = (codec: string) => codec.startsWith("avc1");
  static async isConfigSupported(config: { codec: string }) {
    return { supported: Decoder.supports(config.codec) };
  }
  state = "unconfigured";
  decodeQueueSize = 0;
  ondequeue: (() => void) | null = null;
  configured: { codec: string; description?: Uint8Array }[] = [];
  decoded: { type: string; timestamp: number }[] = [];
  /** Chunks stay inside until they are let out. */
  slow = false;
  constructor(readonly events: { output: (frame: object) => void; error: (error: Error) => void }) {
    Decoder.made.push(this);
  }
  static get last(): Decoder {
    return Decoder.made.at(-1) as Decoder;
  }
  static get open(): number {
    return Decoder.made.filter((one) => one.state !== "closed").length;
  }
  configure(config: { codec: string; description?: Uint8Array }) {
    this.state = "configured";
    this.configured.push(config);
  }
  decode(chunk: { type: string; timestamp: number }) {
    this.decoded.push(chunk);
    if (this.slow) {
      this.decodeQueueSize += 1;
      return;
    }
    Decoder.frames += 1;
    this.events.output({
      timestamp: chunk.timestamp,
      displayWidth: 1920,
      displayHeight: 1080,
      close: () => {
        Decoder.frames -= 1;
      },
    });
  }
  reset() {
    this.state = "unconfigured";
    this.decodeQueueSize = 0;
  }
  close() {
    if (this.state === "closed") throw new Error("closed twice");
    this.state = "closed";
  }
}

/** Puts WebCodecs into place. `unbrowser` takes them away. */
export function webCodecs(): void {
  Decoder.made = [];
  Decoder.frames = 0;
  Decoder.supports = (codec) => codec.startsWith("avc1");
  vi.stubGlobal("VideoDecoder", Decoder);
  vi.stubGlobal("EncodedVideoChunk", function (this: object, fields: object) {
    Object.assign(this, fields);
  });
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockImplementation(
    () => ({ drawImage: () => undefined }) as unknown as null,
  );
}

export interface Browser {
  /** Object URLs that were made and not given back. */
  readonly urls: Set<string>;
  /** Draws a frame in every element that waits for one. */
  frame(): void;
  /** Elements that wait for a frame. */
  readonly waiting: Map<number, (now: number, frame: { mediaTime: number }) => void>;
}

/** Puts all of it into place, with a clock of the test's own. `vi.unstubAllGlobals` and `restoreAllMocks` take it away. */
export function browser(sources: { media?: boolean; managed?: typeof Source } = {}): Browser {
  vi.useFakeTimers();
  Wire.made = [];
  Source.made = [];
  vi.stubGlobal("WebSocket", Wire);
  vi.stubGlobal("MediaSource", sources.media === false ? undefined : Source);
  if (sources.managed) vi.stubGlobal("ManagedMediaSource", sources.managed);
  const urls = new Set<string>();
  let n = 0;
  vi.spyOn(URL, "createObjectURL").mockImplementation(() => {
    const url = `blob:test/${++n}`;
    urls.add(url);
    return url;
  });
  vi.spyOn(URL, "revokeObjectURL").mockImplementation((url) => void urls.delete(url));
  const waiting: Browser["waiting"] = new Map();
  const media = HTMLMediaElement.prototype;
  vi.spyOn(media, "play").mockImplementation(async () => undefined);
  vi.spyOn(media, "pause").mockImplementation(() => undefined);
  vi.spyOn(media, "load").mockImplementation(() => undefined);
  Object.assign(HTMLVideoElement.prototype, {
    requestVideoFrameCallback(callback: (now: number, frame: { mediaTime: number }) => void) {
      waiting.set(++n, callback);
      return n;
    },
    cancelVideoFrameCallback(id: number) {
      waiting.delete(id);
    },
  });
  return {
    urls,
    waiting,
    frame() {
      const callbacks = [...waiting];
      for (const [id, callback] of callbacks) {
        waiting.delete(id);
        callback(performance.now(), { mediaTime: 0 });
      }
    },
  };
}

export function unbrowser(): void {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  vi.useRealTimers();
}
