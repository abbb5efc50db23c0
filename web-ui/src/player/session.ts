/** One connection of the page with the gateway's rules on it: greeting, whose media it is, and whether it still lives. */
import { type FeedId, type MonoMillis, monoMillis, type TileId, tileId } from "../domain/ids";
import { type ClientMessage, parseControl, type ServerMessage } from "../wire/control";
import type { MediaMessage } from "../wire/media";
import type { Line, LineEvents, LineKind } from "./line";

/** A tile that is never open: closing it is answered with an error that counts for nothing. */
const PROBE = tileId(0);
/** Between two looks at a connection's pulse, ms. */
export const WATCH_MS = 1000;
/** Media that overtook its `opened` waits this long, and no more of it than this. Over WebTransport only. */
const EARLY_MS = 5000;
const EARLY_BYTES = 4 * 1024 * 1024;

/** What is said of recorded tiles alone. */
export type RecordedMessage = Extract<ServerMessage, { type: "clock" | "gap" | "thinned" | "finished" }>;
export type TileMessage = Exclude<ServerMessage, { type: "hello" | "error" | "measured" } | RecordedMessage>;

export interface SessionEvents {
  hello(session: Session, message: Extract<ServerMessage, { type: "hello" }>): void;
  tile(session: Session, message: TileMessage): void;
  measured(session: Session, message: Extract<ServerMessage, { type: "measured" }>): void;
  /** Only of recorded tiles. */
  recorded?(session: Session, message: RecordedMessage): void;
  media(session: Session, tile: TileId, message: MediaMessage): void;
  closed(session: Session, code: number, why: string): void;
}

export class Session {
  ready = false;
  readonly startedAt = now();
  #line: Line;
  #feeds = new Map<FeedId, TileId>();
  #early = new Map<FeedId, { since: number; messages: MediaMessage[] }>();
  #earlyBytes = 0;
  #heardAt = now();
  #askedAt: MonoMillis | null = null;
  #lookedAt = now();

  constructor(
    make: (events: LineEvents) => Line,
    private readonly events: SessionEvents,
  ) {
    this.#line = make({
      text: (text) => {
        this.#heard();
        this.#control(text);
      },
      media: (message) => {
        this.#heard();
        this.#media(message);
      },
      closed: (code, why) => events.closed(this, code, why),
    });
  }

  get kind(): LineKind {
    return this.#line.kind;
  }

  send(message: ClientMessage): void {
    if (this.ready) this.#line.send(JSON.stringify(message));
  }

  /** Done with a tile: what still comes of its feed goes nowhere. */
  closeTile(tile: TileId): void {
    for (const [feed, owner] of this.#feeds) {
      if (owner !== tile) continue;
      this.#feeds.delete(feed);
      this.#line.forget(feed);
    }
    this.send({ type: "close", tile });
  }

  /** Asks whether the gateway is there. */
  ask(): void {
    this.#askedAt ??= now();
    this.send({ type: "close", tile: PROBE });
  }

  /** To be called every `WATCH_MS`. How long an answer has been waited for, ms; 0 while none is. */
  watch(silentMs: number): number {
    const at = now();
    // A page that slept, or was too busy to look, has not listened either: the time to answer begins anew.
    if (this.#askedAt !== null && at - this.#lookedAt > 2 * WATCH_MS) this.#askedAt = at;
    this.#lookedAt = at;
    if (this.#askedAt === null && at - this.#heardAt > silentMs) this.ask();
    for (const [feed, early] of this.#early) if (at - early.since > EARLY_MS) this.#forgetEarly(feed);
    return this.#askedAt === null ? 0 : at - this.#askedAt;
  }

  close(): void {
    this.ready = false;
    this.#feeds.clear();
    this.#early.clear();
    this.#line.close();
  }

  #heard(): void {
    this.#heardAt = now();
    this.#askedAt = null;
  }

  #control(text: string): void {
    const parsed = parseControl(text);
    if (!parsed.ok) {
      console.warn(`media line: ${parsed.error}: ${text.slice(0, 200)}`);
      return;
    }
    const message = parsed.message;
    switch (message.type) {
      case "hello":
        this.ready = true;
        this.events.hello(this, message);
        return;
      case "error":
        if (message.tile !== PROBE) console.warn(`media line: the gateway says: ${message.text}`);
        return;
      case "measured":
        this.events.measured(this, message);
        return;
      case "clock":
      case "gap":
      case "thinned":
      case "finished":
        this.events.recorded?.(this, message);
        return;
      case "opened": {
        for (const [feed, owner] of this.#feeds) {
          if (owner !== message.tile || feed === message.feed) continue;
          this.#feeds.delete(feed);
          this.#line.forget(feed);
        }
        this.#feeds.set(message.feed, message.tile);
        this.events.tile(this, message);
        const early = this.#early.get(message.feed);
        if (!early) return;
        this.#early.delete(message.feed);
        for (const one of early.messages) {
          this.#earlyBytes -= one.payload.byteLength;
          this.#media(one);
        }
        return;
      }
      default:
        this.events.tile(this, message);
    }
  }

  #media(message: MediaMessage): void {
    const tile = this.#feeds.get(message.feed);
    if (tile !== undefined) {
      this.events.media(this, tile, message);
      return;
    }
    // On one ordered stream nothing overtakes: this is what was on its way when a tile was closed.
    if (this.kind === "websocket") return;
    const early = this.#early.get(message.feed) ?? { since: now(), messages: [] };
    this.#early.set(message.feed, early);
    early.messages.push(message);
    this.#earlyBytes += message.payload.byteLength;
    for (const [feed] of this.#early) {
      if (this.#earlyBytes <= EARLY_BYTES) break;
      this.#forgetEarly(feed);
    }
  }

  #forgetEarly(feed: FeedId): void {
    for (const one of this.#early.get(feed)?.messages ?? []) this.#earlyBytes -= one.payload.byteLength;
    this.#early.delete(feed);
    this.#line.forget(feed);
  }
}

const now = (): MonoMillis => monoMillis(performance.now());
