/**
 * One WebSocket for all tiles of the page. It comes back by itself and opens again what is still wanted, also from a network
 * that swallows everything without a word; with nothing to show it goes away.
 */
import type { CameraCode, FeedId, TileId } from "../domain/ids";
import { monoMillis, tileId } from "../domain/ids";
import type { Profile, Reason } from "../domain/types";
import { type ClientMessage, parseControl, type ServerMessage, type TrackInfo } from "../wire/control";
import { decodeMedia, type MediaMessage } from "../wire/media";
import { Backoff } from "./backoff";
import { PUSHED_ROUND_TRIP_MS, type ServerClock } from "./clock";

export type TileSignal =
  | { readonly type: "opening"; readonly state: "connecting" | "waiting-key-frame" }
  | { readonly type: "opened"; readonly feed: FeedId; readonly profile: Profile; readonly tracks: readonly TrackInfo[] }
  | { readonly type: "refused" | "lost"; readonly reason: Reason }
  | { readonly type: "skipped"; readonly ms: number }
  | { readonly type: "back" | "paused" | "closed" | "disconnected" | "reconnecting" }
  | { readonly type: "media"; readonly message: MediaMessage };

export interface TileRequest {
  readonly camera: CameraCode;
  readonly profile: Profile;
  readonly priority: "incident" | "wall" | "viewer";
  /** Whether the camera's sound is wanted. */
  readonly audio?: boolean;
}

interface Tile {
  request: TileRequest;
  feed: FeedId | null;
  hear: (signal: TileSignal) => void;
}

/** Policy violation: the session has ended, or was never allowed. Coming back with the same cookie changes nothing. */
const CLOSE_NOT_ALLOWED = 1008;

/** Without a tile the connection is kept this long: the next page may want it. */
const IDLE_MS = 10_000;
/** Silence after which the gateway is asked whether it is there, ms. */
const SILENT_MS = 8000;
/** The time it has to answer: longer, since to come back costs a machine that is only slow more than to wait. */
const ANSWER_MS = 12_000;
const WATCH_MS = 2000;
/** A tile that is never open: closing it is answered with an error that counts for nothing. */
const PROBE = tileId(0);

export class MediaSocket {
  #socket: WebSocket | null = null;
  #tiles = new Map<TileId, Tile>();
  #feeds = new Map<FeedId, TileId>();
  #backoff = new Backoff(500, 15_000);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #next = 1;
  #ready = false;
  #closed = false;
  #idle: ReturnType<typeof setTimeout> | undefined;
  #watch: ReturnType<typeof setInterval> | undefined;
  #heardAt = 0;
  #askedAt: number | null = null;
  #lookedAt = 0;
  /** Bytes of media received, for the figures. */
  bytes = 0;

  constructor(
    private readonly url: string,
    private readonly clock: ServerClock,
    private readonly onNotAllowed: () => void,
  ) {
    globalThis.addEventListener?.("online", this.#online);
  }

  /** Whether a connection is there or on its way. */
  get connected(): boolean {
    return this.#socket !== null;
  }

  /** Asks for a camera; `hear` is called until `close` of the number that is returned. */
  open(request: TileRequest, hear: (signal: TileSignal) => void): TileId {
    const tile = tileId(this.#next++);
    this.#tiles.set(tile, { request, feed: null, hear });
    clearTimeout(this.#idle);
    if (this.#ready) this.#sendOpen(tile, request);
    else this.#connect();
    return tile;
  }

  /** Switches main and sub; the old picture goes on until the new one has a key frame. */
  profile(tile: TileId, profile: Profile): void {
    const entry = this.#tiles.get(tile);
    if (!entry || entry.request.profile === profile) return;
    entry.request = { ...entry.request, profile };
    this.#send({ type: "profile", tile, profile });
  }

  pause(tile: TileId): void {
    this.#send({ type: "pause", tile });
  }
  resume(tile: TileId): void {
    this.#send({ type: "resume", tile });
  }

  /** Asks again for a tile that was refused. */
  retry(tile: TileId): void {
    const entry = this.#tiles.get(tile);
    if (entry && this.#ready) this.#sendOpen(tile, entry.request);
  }

  close(tile: TileId): void {
    const entry = this.#tiles.get(tile);
    if (!entry) return;
    this.#tiles.delete(tile);
    for (const [feed, owner] of this.#feeds) if (owner === tile) this.#feeds.delete(feed);
    this.#send({ type: "close", tile });
    if (this.#tiles.size === 0) this.#restSoon();
  }

  /** Ends everything; nothing reconnects after this. */
  shutdown(): void {
    this.#closed = true;
    globalThis.removeEventListener?.("online", this.#online);
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#tiles.clear();
    this.#drop();
  }

  #connect(): void {
    if (this.#socket || this.#closed || this.#timer !== undefined) return;
    const socket = new WebSocket(this.url);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#heardAt = performance.now();
    this.#askedAt = null;
    this.#watch = setInterval(this.#listen, WATCH_MS);
    socket.onmessage = (message: MessageEvent<string | ArrayBuffer>) => {
      this.#heardAt = performance.now();
      this.#askedAt = null;
      if (typeof message.data === "string") this.#control(message.data);
      else this.#media(message.data);
    };
    socket.onclose = (event) => this.#lost(event.code);
  }

  /** Lets go of the connection without a word to the tiles. */
  #drop(): void {
    clearInterval(this.#watch);
    clearTimeout(this.#idle);
    const socket = this.#socket;
    this.#socket = null;
    this.#ready = false;
    this.#feeds.clear();
    if (!socket) return;
    socket.onmessage = null;
    socket.onclose = null;
    socket.close(1000);
  }

  #lost(code: number): void {
    this.#drop();
    for (const tile of this.#tiles.values()) {
      tile.feed = null;
      tile.hear({ type: "disconnected" });
    }
    if (code === CLOSE_NOT_ALLOWED) this.onNotAllowed();
    this.#timer = setTimeout(this.#again, this.#backoff.next());
  }

  #again = (): void => {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#tiles.size > 0) this.#connect();
  };

  /** The network is back, or another one: no reason to wait any longer, and every reason to doubt what is open. */
  #online = (): void => {
    if (this.#timer !== undefined) this.#again();
    else if (this.#ready) this.#ask();
  };

  /** A path that is cut without a word leaves a socket that looks open for minutes: silence is asked about, then believed. */
  #listen = (): void => {
    const now = performance.now();
    // A page that slept, or was too busy to look, has not listened either: the time to answer begins anew.
    if (this.#askedAt !== null && now - this.#lookedAt > 2 * WATCH_MS) this.#askedAt = now;
    this.#lookedAt = now;
    if (this.#askedAt !== null) {
      if (now - this.#askedAt > ANSWER_MS) this.#lost(1006);
    } else if (now - this.#heardAt > SILENT_MS) this.#ask();
  };

  #ask(): void {
    this.#askedAt ??= performance.now();
    this.#send({ type: "close", tile: PROBE });
  }

  #restSoon(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => {
      if (this.#tiles.size === 0) this.#drop();
    }, IDLE_MS);
  }

  #control(text: string): void {
    const parsed = parseControl(text);
    if (!parsed.ok) {
      console.warn(`media socket: ${parsed.error}: ${text.slice(0, 200)}`);
      return;
    }
    const message = parsed.message;
    if (message.type === "hello") {
      const now = monoMillis(performance.now());
      this.clock.sample(message.now, now, now, PUSHED_ROUND_TRIP_MS);
      this.#ready = true;
      this.#backoff.reset();
      for (const [tile, entry] of this.#tiles) {
        entry.hear({ type: "reconnecting" });
        this.#sendOpen(tile, entry.request);
      }
      return;
    }
    if (message.type === "error") {
      if (message.tile !== PROBE) console.warn(`media socket: the gateway says: ${message.text}`);
      return;
    }
    this.#toTile(message);
  }

  #toTile(message: Exclude<ServerMessage, { type: "hello" | "error" }>): void {
    const tile = this.#tiles.get(message.tile);
    if (!tile) return;
    if (message.type === "opened") {
      if (tile.feed !== null && tile.feed !== message.feed) this.#feeds.delete(tile.feed);
      tile.feed = message.feed;
      this.#feeds.set(message.feed, message.tile);
    }
    tile.hear(message);
  }

  #media(buffer: ArrayBuffer): void {
    this.bytes += buffer.byteLength;
    const decoded = decodeMedia(buffer);
    if (!decoded.ok) {
      console.warn(`media socket: ${decoded.error}`);
      return;
    }
    const owner = this.#feeds.get(decoded.message.feed);
    if (owner !== undefined) this.#tiles.get(owner)?.hear({ type: "media", message: decoded.message });
  }

  #sendOpen(tile: TileId, request: TileRequest): void {
    this.#send({ type: "open", tile, ...request, format: "fmp4", audio: request.audio ?? false });
  }

  #send(message: ClientMessage): void {
    if (this.#ready && this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }
}
