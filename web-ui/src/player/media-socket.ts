/** One WebSocket for all tiles of the page. It comes back by itself and opens again what is still wanted. */
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
}

interface Tile {
  request: TileRequest;
  feed: FeedId | null;
  hear: (signal: TileSignal) => void;
}

/** Policy violation: the session has ended, or was never allowed. Coming back with the same cookie changes nothing. */
const CLOSE_NOT_ALLOWED = 1008;

export class MediaSocket {
  #socket: WebSocket | null = null;
  #tiles = new Map<TileId, Tile>();
  #feeds = new Map<FeedId, TileId>();
  #backoff = new Backoff(500, 15_000);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #next = 1;
  #ready = false;
  #closed = false;
  /** Bytes of media received, for the figures. */
  bytes = 0;

  constructor(
    private readonly url: string,
    private readonly clock: ServerClock,
    private readonly onNotAllowed: () => void,
  ) {}

  /** Asks for a camera; `hear` is called until `close` of the number that is returned. */
  open(request: TileRequest, hear: (signal: TileSignal) => void): TileId {
    const tile = tileId(this.#next++);
    this.#tiles.set(tile, { request, feed: null, hear });
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
  }

  /** Ends everything; nothing reconnects after this. */
  shutdown(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#tiles.clear();
    this.#feeds.clear();
    this.#socket?.close(1000);
    this.#socket = null;
  }

  #connect(): void {
    if (this.#socket || this.#closed || this.#timer !== undefined) return;
    const socket = new WebSocket(this.url);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    socket.onmessage = (message: MessageEvent<string | ArrayBuffer>) => {
      if (typeof message.data === "string") this.#control(message.data);
      else this.#media(message.data);
    };
    socket.onclose = (event) => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      this.#ready = false;
      this.#feeds.clear();
      for (const tile of this.#tiles.values()) {
        tile.feed = null;
        tile.hear({ type: "disconnected" });
      }
      if (event.code === CLOSE_NOT_ALLOWED) this.onNotAllowed();
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        if (this.#tiles.size > 0) this.#connect();
      }, this.#backoff.next());
    };
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
      console.warn(`media socket: the gateway says: ${message.text}`);
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
    this.#send({ type: "open", tile, ...request, format: "fmp4", audio: false });
  }

  #send(message: ClientMessage): void {
    if (this.#ready && this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }
}
