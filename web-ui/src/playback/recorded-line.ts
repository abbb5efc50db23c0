/**
 * The wire as a playback uses it: one connection, one clock, a tile a camera. It comes back by itself and says again what is
 * wanted; what the clock shows is told to the gateway, which goes by it. Knows no picture and no DOM.
 */

import type { Profile } from "../domain/camera";
import { type CameraCode, type TileId, tileId, type UtcMicros, utcMicros } from "../domain/ids";
import type { Reason } from "../domain/reason";
import { Backoff } from "../player/backoff";
import { CLOSED, type Line, type LineEvents } from "../player/line";
import { Session, WATCH_MS } from "../player/session";
import type { ClockSet, Codec, Format, Gaps, TrackInfo } from "../wire/control";
import type { MediaMessage } from "../wire/media";
import { type Mode, modeOf } from "./shared-clock";

export type RecordedSignal =
  | {
      readonly type: "opened";
      readonly profile: Profile;
      readonly video: TrackInfo;
      readonly audio: TrackInfo | null;
      readonly fresh: boolean;
      readonly mode: Mode;
    }
  | { readonly type: "media"; readonly message: MediaMessage }
  /** UTC ms; `to` is `null` where nothing follows. */
  | { readonly type: "gap"; readonly from: number; readonly to: number | null; readonly reason: Reason }
  | { readonly type: "thinned"; readonly keys: boolean }
  | { readonly type: "refused" | "lost"; readonly reason: Reason }
  | { readonly type: "back" };

export interface RecordedRequest {
  readonly camera: CameraCode;
  readonly format: Format;
  readonly decodes: readonly Codec[];
  /** The one to play where both streams are recorded: the main one if not said. */
  readonly profile?: Profile;
  readonly audio: boolean;
}

interface Tile {
  request: RecordedRequest;
  readonly hear: (signal: RecordedSignal) => void;
  feed: number | null;
}

export interface RecordedLineEvents {
  /** The clock is set by the gateway: as it was asked, where a step ended, or across a gap. UTC ms. */
  clock(at: number, rate: number): void;
  /** There is no such way, or nobody answers by it. Said once. */
  failed(why: string): void;
  /** The connection is away, and is being made again. */
  away(): void;
}

/** The only clock. */
const CLOCK = 1;
const ANSWER_MS = 8000;
const SILENT_MS = 8000;
const GIVE_UP_MS = 20_000;
/** Attempts before the first that worked. */
const MOST_ATTEMPTS = 3;

export class RecordedLine {
  #session: Session | null = null;
  #tiles = new Map<TileId, Tile>();
  #run = 0;
  /** The newest run that the gateway has answered. */
  #answered = 0;
  /** The newest run that begins anew elsewhere: what comes before its answer is of before. A change of rate goes on with what is sent. */
  #elsewhere = 0;
  #at: number;
  #rate = 0;
  #mode: Mode = "all";
  #worked = false;
  #closed = false;
  #way = 0;
  #backoff = new Backoff(500, 10_000);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #answer: ReturnType<typeof setTimeout> | undefined;
  #watch: ReturnType<typeof setInterval>;
  bytes = 0;

  /** `ways`: the best first. `gaps`: where no camera has anything the clock goes on to what comes next, or runs through. */
  constructor(
    private readonly ways: readonly ((events: LineEvents) => Line)[],
    at: number,
    private readonly events: RecordedLineEvents,
    private readonly gaps: Gaps = "skip",
  ) {
    this.#at = at;
    this.#watch = setInterval(() => this.#look(), WATCH_MS);
    this.#connect();
  }

  get kind(): string | null {
    return this.#session?.ready ? this.#session.kind : null;
  }

  open(n: number, request: RecordedRequest, hear: (signal: RecordedSignal) => void): void {
    const id = tileId(n);
    this.#tiles.set(id, { request, hear, feed: null });
    if (this.#session?.ready) this.#replay(this.#session, id);
  }

  /** Asks for something else of the same camera: at the clock's moment, as a new feed. */
  change(n: number, more: Partial<RecordedRequest>): void {
    const id = tileId(n);
    const tile = this.#tiles.get(id);
    if (!tile) return;
    tile.request = { ...tile.request, ...more };
    if (!this.#session?.ready) return;
    tile.feed = null;
    this.#session.send({ type: "close", tile: id });
    this.#replay(this.#session, id);
  }

  /**
   * Goes to a moment (UTC ms), at a rate. That it is what is shown is said at once: the gateway leaves out what is late by a viewer's
   * word, and where it has none by its own clock, which goes on while a slow page gets its decoders going.
   */
  seek(at: number, rate: number): void {
    this.#clock(at, rate);
    this.reached(at);
  }

  /** Goes on from where it is. */
  rate(rate: number): void {
    this.#rate = rate;
    this.#session?.send({ type: "clock", clock: CLOCK, run: this.#next(), rate });
  }

  step(n: number, frames: number): void {
    this.#rate = 0;
    this.#elsewhere = this.#next();
    this.#session?.send({ type: "step", clock: CLOCK, run: this.#run, tile: tileId(n), frames });
  }

  /** What is on the screen now. */
  reached(at: number): void {
    this.#at = at;
    this.#session?.send({ type: "reached", clock: CLOCK, run: this.#run, at: micros(at) });
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#answer);
    clearInterval(this.#watch);
    this.#session?.close();
    this.#session = null;
    this.#tiles.clear();
  }

  #next(): number {
    clearTimeout(this.#answer);
    const session = this.#session;
    this.#answer = setTimeout(() => {
      if (session && session === this.#session) this.#end(session, CLOSED.abnormal, "no answer");
    }, ANSWER_MS);
    this.#run += 1;
    return this.#run;
  }

  #clock(at: number, rate: number): void {
    this.#at = at;
    this.#rate = rate;
    this.#elsewhere = this.#next();
    this.#session?.send({ type: "clock", clock: CLOCK, run: this.#run, at: micros(at), rate, gaps: this.gaps });
  }

  #connect(): void {
    const make = this.ways[this.#way % Math.max(1, this.ways.length)];
    if (!make) {
      this.events.failed("no way to the gateway's media");
      return;
    }
    this.#session = new Session(make, {
      hello: (session) => {
        this.#backoff.reset();
        this.#clock(this.#at, this.#rate);
        for (const id of this.#tiles.keys()) this.#replay(session, id);
        this.reached(this.#at);
      },
      tile: (session, message) => {
        const tile = this.#tiles.get(message.tile);
        if (!tile || session !== this.#session) return;
        if (message.type === "opened") {
          const video = message.tracks.find((track) => track.kind === "video");
          const fresh = tile.feed !== message.feed;
          tile.feed = message.feed;
          const audio = message.tracks.find((track) => track.kind === "audio") ?? null;
          const { profile } = message;
          if (video) tile.hear({ type: "opened", profile, video, audio, fresh, mode: this.#mode });
        } else if (message.type === "refused" || message.type === "lost") {
          tile.hear({ type: message.type, reason: message.reason });
        } else if (message.type === "back") tile.hear({ type: "back" });
      },
      recorded: (session, message) => {
        if (session !== this.#session) return;
        if (message.type === "clock") {
          this.#set(message);
          return;
        }
        const tile = this.#tiles.get(message.tile);
        if (message.type === "gap") {
          const to = message.to === null ? null : message.to / 1000;
          tile?.hear({ type: "gap", from: message.from / 1000, to, reason: message.reason });
        } else if (message.type === "thinned") tile?.hear(message);
      },
      measured: () => undefined,
      media: (session, id, message) => {
        const tile = this.#tiles.get(id);
        // What was on its way before the clock was set anew goes nowhere.
        if (!tile || session !== this.#session || message.feed !== tile.feed) return;
        this.bytes += message.payload.byteLength;
        if (this.#answered >= this.#elsewhere) tile.hear({ type: "media", message });
      },
      closed: (session, code, why) => this.#end(session, code, why),
    });
  }

  #set(message: ClockSet): void {
    if (message.clock !== CLOCK || message.run > this.#run) return;
    this.#worked = true;
    // An answer to what was said before the last word counts too: what is sent from there on is what is wanted.
    this.#answered = Math.max(this.#answered, message.run);
    this.#mode = modeOf(message.rate);
    if (message.run !== this.#run) return;
    clearTimeout(this.#answer);
    this.#at = message.at / 1000;
    this.events.clock(this.#at, message.rate);
  }

  #replay(session: Session, tile: TileId): void {
    const request = this.#tiles.get(tile)?.request;
    if (request) session.send({ type: "replay", tile, clock: CLOCK, ...request });
  }

  #end(session: Session, code: number, why: string): void {
    session.close();
    if (session !== this.#session || this.#closed) return;
    this.#session = null;
    clearTimeout(this.#answer);
    for (const tile of this.#tiles.values()) tile.feed = null;
    if (!this.#worked) {
      // The other way, and then no more of it.
      this.#way += 1;
      if (this.#way >= Math.max(MOST_ATTEMPTS, this.ways.length) || code === CLOSED.notAllowed) {
        this.events.failed(why || `closed with ${code}`);
        return;
      }
    } else this.events.away();
    this.#timer = setTimeout(() => this.#connect(), this.#worked ? this.#backoff.next() : 0);
  }

  #look(): void {
    const session = this.#session;
    if (!session) return;
    const waited = session.watch(SILENT_MS);
    if (waited > GIVE_UP_MS) this.#end(session, CLOSED.abnormal, "silent");
    // UDP that is blocked gives no answer at all.
    else if (!session.ready && performance.now() - session.startedAt > ANSWER_MS / 2) {
      this.#end(session, CLOSED.abnormal, "no answer");
    }
  }
}

const micros = (ms: number): UtcMicros => utcMicros(Math.ceil(ms * 1000 - 1e-3));
