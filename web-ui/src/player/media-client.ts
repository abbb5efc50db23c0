/**
 * The page's way to the gateway, one for all its tiles: WebTransport where the origin is secure and UDP passes, else WebSocket.
 * It comes back by itself and opens again what is still wanted, moves to the better way without a black frame when that opens,
 * and notices a network that swallows everything without a word; with nothing to show it goes away.
 */
import { signal } from "@preact/signals";
import type { CameraCode, TileId } from "../domain/ids";
import { monoMillis, tileId } from "../domain/ids";
import type { Reason } from "../domain/reason";
import type { Choice, ClientMessage, Codec, Format, Measured, Size } from "../wire/control";
import type { MediaMessage } from "../wire/media";
import { Backoff } from "./backoff";
import { PUSHED_ROUND_TRIP_MS, type ServerClock } from "./clock";
import { Handover, type Opened, Position } from "./handover";
import { CLOSED, type Line, type LineEvents, type LineKind } from "./line";
import { Session, type TileMessage, WATCH_MS } from "./session";

export type TileSignal =
  | { readonly type: "opening"; readonly state: "connecting" | "waiting-key-frame" }
  | Omit<Opened, "tile">
  | { readonly type: "refused" | "lost"; readonly reason: Reason }
  | { readonly type: "skipped"; readonly ms: number }
  | { readonly type: "back" | "paused" | "closed" | "disconnected" | "reconnecting" }
  | { readonly type: "media"; readonly message: MediaMessage };

export interface TileRequest {
  readonly camera: CameraCode;
  readonly profile: Choice;
  readonly priority: "incident" | "wall" | "viewer";
  /** The tile's size on the screen, for `auto`. */
  readonly size?: Size | undefined;
  readonly decodes?: readonly Codec[] | undefined;
  /** fMP4 where nothing is said. */
  readonly format?: Format | undefined;
  /** Whether the camera's sound is wanted. */
  readonly audio?: boolean | undefined;
}

interface Tile {
  request: TileRequest;
  readonly hear: (signal: TileSignal) => void;
  paused: boolean;
  /** What it heard last, and up to where: so that another connection can go on with it. */
  opened: Opened | null;
  position: Position;
  /** The connection that it hears. */
  session: Session | null;
}

export interface Ways {
  /** Makes a line; `null`: this page has no such way. */
  readonly webtransport: ((events: LineEvents) => Line) | null;
  readonly websocket: (events: LineEvents) => Line;
}

/** How late a picture may be before the gateway skips to a newer key frame, ms. A wall follows; it does not look back. */
export const MAX_DELAY_MS = 1500;
/** Without a tile the connection is kept this long: the next page may want it. */
const IDLE_MS = 10_000;
/** Silence after which the gateway is asked whether it is there, ms. */
const SILENT_MS = 8000;
/** The time it has to answer: longer, since to come back costs a machine that is only slow more than to wait. */
const ANSWER_MS = 12_000;
/** Over WebTransport there is another way: a silent one is doubted sooner, and WebSocket made ready beside it. */
const SILENT_UDP_MS = 2000;
const DOUBT_MS = 2000;
/** UDP that is blocked gives no answer at all: after this WebSocket is taken. */
export const READY_MS = 3000;
/** One that is made beside a line that works may take longer. */
const BESIDE_MS = 15_000;
/** How long tiles may take to go over to a new connection. */
const MOVE_MS = 15_000;
/** A better way is tried again after 30 s, then more and more rarely. */
const CLIMB_MS = { first: 30_000, most: 300_000 } as const;
/** A way that lived this long was a good one: the next attempt is soon again. */
const GOOD_MS = 60_000;
const MEASURE_MS = 1000;

export class MediaClient {
  /** The way that is taken now; `null` without one. */
  readonly kind = signal<LineKind | null>(null);
  /** What the gateway measures of the connection, while somebody asks for it. */
  readonly measured = signal<Measured | null>(null);
  /** Why the better way is not taken; empty while it is. For the details of a tile. */
  readonly why = signal("");
  #session: Session | null = null;
  #next: { session: Session; tiles: Map<TileId, Handover>; timer: ReturnType<typeof setTimeout> } | null = null;
  #tiles = new Map<TileId, Tile>();
  #backoff = new Backoff(500, 15_000);
  #climbing = new Backoff(CLIMB_MS.first, CLIMB_MS.most);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #climb: ReturnType<typeof setTimeout> | undefined;
  #slow: ReturnType<typeof setTimeout> | undefined;
  #idle: ReturnType<typeof setTimeout> | undefined;
  #watch: ReturnType<typeof setInterval> | undefined;
  /** When the better way is tried again, by the monotonic clock. */
  #upAt = 0;
  #nextTile = 1;
  #closed = false;
  #measures = 0;
  /** Bytes of media received, for the figures. */
  bytes = 0;

  constructor(
    private readonly ways: Ways,
    private readonly clock: ServerClock,
    private readonly onNotAllowed: () => void,
  ) {
    globalThis.addEventListener?.("online", this.#online);
    connection()?.addEventListener?.("change", this.#online);
  }

  /** Whether a connection is there or on its way. */
  get connected(): boolean {
    return this.#session !== null;
  }

  /** Asks for a camera; `hear` is called until `close` of the number that is returned. */
  open(request: TileRequest, hear: (signal: TileSignal) => void): TileId {
    const id = tileId(this.#nextTile++);
    const session = this.#next?.session.ready ? this.#next.session : this.#session;
    const tile: Tile = { request, hear, paused: false, opened: null, position: new Position(), session };
    this.#tiles.set(id, tile);
    clearTimeout(this.#idle);
    if (session?.ready) sendOpen(session, id, tile);
    else this.#connect();
    return id;
  }

  /** Switches the stream; the old picture goes on until the new one has a key frame. */
  profile(id: TileId, profile: Choice): void {
    const tile = this.#tiles.get(id);
    if (!tile || tile.request.profile === profile) return;
    tile.request = { ...tile.request, profile };
    this.#tell(id, { type: "profile", tile: id, profile });
  }

  /** The tile has another size on the screen. */
  size(id: TileId, size: Size): void {
    const tile = this.#tiles.get(id);
    if (!tile || (tile.request.size?.width === size.width && tile.request.size.height === size.height)) return;
    tile.request = { ...tile.request, size };
    this.#tell(id, { type: "size", tile: id, ...size });
  }

  pause(id: TileId): void {
    this.#pause(id, true);
  }
  resume(id: TileId): void {
    this.#pause(id, false);
  }

  close(id: TileId): void {
    const tile = this.#tiles.get(id);
    if (!tile) return;
    this.#tiles.delete(id);
    tile.session?.closeTile(id);
    if (this.#next?.tiles.delete(id)) this.#next.session.closeTile(id);
    this.#moved();
    if (this.#tiles.size === 0) this.#restSoon();
  }

  /** Asks the gateway what it measures, until as many have said `false` as said `true`. */
  measure(on: boolean): void {
    this.#measures += on ? 1 : -1;
    if (this.#measures === (on ? 1 : 0)) this.#session?.send({ type: "measure", every_ms: on ? MEASURE_MS : 0 });
    if (this.#measures === 0) this.measured.value = null;
  }

  /** Ends everything; nothing reconnects after this. */
  shutdown(): void {
    this.#closed = true;
    globalThis.removeEventListener?.("online", this.#online);
    connection()?.removeEventListener?.("change", this.#online);
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#tiles.clear();
    this.#drop();
  }

  #tell(id: TileId, message: ClientMessage): void {
    this.#tiles.get(id)?.session?.send(message);
    if (this.#next?.tiles.has(id)) this.#next.session.send(message);
  }

  #pause(id: TileId, on: boolean): void {
    const tile = this.#tiles.get(id);
    if (!tile) return;
    tile.paused = on;
    this.#tell(id, { type: on ? "pause" : "resume", tile: id });
  }

  #connect(): void {
    if (this.#session || this.#closed || this.#timer !== undefined) return;
    this.#watch ??= setInterval(this.#look, WATCH_MS);
    // While the next attempt at the better way is still to come, this one is by the way that is known to work.
    const wait = this.#upAt - performance.now();
    this.#take(this.ways.webtransport && wait <= 0 ? "webtransport" : "websocket");
    if (this.ways.webtransport && wait > 0) this.#climb ??= setTimeout(this.#up, wait);
  }

  #take(kind: LineKind): void {
    clearTimeout(this.#slow);
    this.#session = this.#make(kind);
    for (const tile of this.#tiles.values()) tile.session = this.#session;
    if (kind === "webtransport") {
      const made = this.#session;
      this.#slow = setTimeout(() => {
        if (made === this.#session && !made.ready) this.#end(made, CLOSED.abnormal, `no answer within ${READY_MS} ms`);
      }, READY_MS);
    }
  }

  #make(kind: LineKind): Session {
    return new Session(
      kind === "webtransport" && this.ways.webtransport ? this.ways.webtransport : this.ways.websocket,
      {
        hello: (session, { now: server }) => {
          const now = monoMillis(performance.now());
          this.clock.sample(server, now, now, PUSHED_ROUND_TRIP_MS);
          session.send({ type: "delay", max_ms: MAX_DELAY_MS });
          if (session === this.#session) this.#greeted(session);
          else if (session === this.#next?.session) this.#begin();
        },
        tile: (session, message) => this.#control(session, message),
        measured: (session, { measured }) => {
          if (session === this.#session && this.#measures > 0) this.measured.value = measured;
        },
        media: (session, tile, message) => this.#media(session, tile, message),
        closed: (session, code, why) => this.#end(session, code, why),
      },
    );
  }

  #greeted(session: Session): void {
    clearTimeout(this.#slow);
    this.#backoff.reset();
    // As they are now: who hears of it may ask for more, and that is sent at once.
    const tiles = [...this.#tiles];
    for (const [id, tile] of tiles) {
      tile.opened = null;
      tile.position = new Position();
      sendOpen(session, id, tile);
      tile.hear({ type: "reconnecting" });
    }
    this.#arrived(session);
  }

  /** This is the way from now on. */
  #arrived(session: Session): void {
    this.kind.value = session.kind;
    if (this.#measures > 0) session.send({ type: "measure", every_ms: MEASURE_MS });
    if (session.kind === "webtransport") {
      this.why.value = "";
      this.#upAt = 0;
      clearTimeout(this.#climb);
      this.#climb = undefined;
    }
  }

  /** Lets go of everything without a word to the tiles. */
  #drop(): void {
    clearInterval(this.#watch);
    clearTimeout(this.#idle);
    clearTimeout(this.#slow);
    clearTimeout(this.#climb);
    this.#watch = undefined;
    this.#climb = undefined;
    this.#stay();
    this.#session?.close();
    this.#session = null;
    this.kind.value = null;
  }

  /** A connection is over, or believed to be. */
  #end(session: Session, code: number, why: string): void {
    const lived = session.ready;
    session.close();
    if (session === this.#next?.session) {
      this.#stay();
      this.#lower(session, code, why);
      return;
    }
    if (session !== this.#session) return;
    this.#session = null;
    clearTimeout(this.#slow);
    if (code !== CLOSED.leaving) this.#lower(session, code, why);
    if (this.#next?.session.ready) {
      // The one that was made ready beside it: tiles that have not gone over yet do so now.
      this.#settle();
      return;
    }
    this.#stay();
    if (lived) this.kind.value = null;
    // One that was never there is no loss that a tile should speak of, while there is another way.
    const other = session.kind === "webtransport" && (code === CLOSED.abnormal || code === CLOSED.none);
    if (lived || !other) for (const tile of this.#tiles.values()) tile.hear({ type: "disconnected" });
    if (code === CLOSED.notAllowed) this.onNotAllowed();
    if (other) {
      if (this.#tiles.size > 0) this.#take("websocket");
      return;
    }
    clearInterval(this.#watch);
    this.#watch = undefined;
    this.#timer = setTimeout(this.#again, this.#backoff.next());
  }

  /** The better way failed: when it is tried again. */
  #lower(session: Session, code: number, why: string): void {
    if (session.kind !== "webtransport" || this.#closed) return;
    if (performance.now() - session.startedAt > GOOD_MS) this.#climbing.reset();
    this.why.value = why;
    console.warn(`media line: WebTransport: ${why} (${code})`);
    const wait = code === CLOSED.none ? CLIMB_MS.most : this.#climbing.next();
    this.#upAt = performance.now() + wait;
    clearTimeout(this.#climb);
    this.#climb = setTimeout(this.#up, wait);
  }

  #up = (): void => {
    this.#climb = undefined;
    if (!this.ways.webtransport || this.#closed) return;
    if (this.#session?.kind !== "websocket") return;
    if (this.#session.ready && !this.#next && this.#tiles.size > 0) this.#move("webtransport");
    else this.#climb = setTimeout(this.#up, CLIMB_MS.first);
  };

  /** Makes another connection beside the one that is there. */
  #move(kind: LineKind): void {
    const session = this.#make(kind);
    const timer = setTimeout(() => this.#end(session, CLOSED.abnormal, `no answer within ${BESIDE_MS} ms`), BESIDE_MS);
    this.#next = { session, tiles: new Map(), timer };
  }

  /** The other connection is there: every tile is asked for on it as well. */
  #begin(): void {
    const next = this.#next;
    if (!next) return;
    clearTimeout(next.timer);
    next.timer = setTimeout(() => {
      const none = next.tiles.size > 0 && next.tiles.size === this.#tiles.size;
      if (none) this.#end(next.session, CLOSED.abnormal, `no picture within ${MOVE_MS} ms`);
      else this.#settle();
    }, MOVE_MS);
    for (const [id, tile] of this.#tiles) {
      next.tiles.set(id, new Handover());
      sendOpen(next.session, id, tile);
      if (tile.paused) next.session.send({ type: "pause", tile: id });
    }
    this.#moved();
  }

  /** Gives up the move; what went over already comes back. */
  #stay(): void {
    const next = this.#next;
    if (!next) return;
    clearTimeout(next.timer);
    this.#next = null;
    next.session.close();
    for (const [id, tile] of this.#tiles) {
      if (tile.session !== next.session) continue;
      tile.session = this.#session;
      tile.opened = null;
      tile.position = new Position();
      if (this.#session?.ready) sendOpen(this.#session, id, tile);
    }
  }

  #over(id: TileId, tile: Tile, opened: Opened | null, continues: boolean): void {
    const next = this.#next;
    if (!next) return;
    next.tiles.delete(id);
    tile.session?.closeTile(id);
    tile.session = next.session;
    if (!opened || continues) return;
    tile.opened = opened;
    tile.position = new Position();
    tile.hear(opened);
  }

  /** The move is done once no tile waits for it. */
  #moved(): void {
    if (!this.#next?.session.ready || this.#next.tiles.size > 0) return;
    const next = this.#next;
    clearTimeout(next.timer);
    this.#next = null;
    const old = this.#session;
    this.#session = next.session;
    for (const tile of this.#tiles.values()) tile.session = next.session;
    if (old !== next.session) old?.close();
    this.#arrived(next.session);
    if (next.session.kind === "websocket" && old) this.#lower(old, CLOSED.abnormal, "silent");
  }

  /** Time is up, or the old one is gone: all that have not gone over do so with what is there. */
  #settle(): void {
    const next = this.#next;
    if (!next) return;
    for (const [id, handover] of next.tiles) {
      const tile = this.#tiles.get(id);
      if (tile) this.#over(id, tile, handover.announced, false);
    }
    next.tiles.clear();
    this.#moved();
  }

  #control(session: Session, message: TileMessage): void {
    const tile = this.#tiles.get(message.tile);
    if (!tile) return;
    if (tile.session === session) {
      if (message.type === "opened") {
        tile.opened = message;
        tile.position = new Position();
      }
      tile.hear(message);
      return;
    }
    const handover = session === this.#next?.session ? this.#next.tiles.get(message.tile) : undefined;
    if (!handover) return;
    if (message.type === "opened") handover.opened(message);
    else if (message.type === "refused" && tile.opened) {
      // It plays here and is not to be had there: better no move than a picture that goes away.
      this.#end(session, CLOSED.abnormal, `a tile is refused there: ${message.reason.code}`);
    } else if (message.type === "lost" || message.type === "refused" || message.type === "paused") {
      this.#over(message.tile, tile, handover.announced, false);
      if (message.type !== "paused") tile.hear(message);
      this.#moved();
    }
  }

  #media(session: Session, id: TileId, message: MediaMessage): void {
    this.bytes += message.payload.byteLength;
    const tile = this.#tiles.get(id);
    if (!tile) return;
    if (tile.session === session) {
      tile.position.heard(message);
      tile.hear({ type: "media", message });
      return;
    }
    const handover = session === this.#next?.session ? this.#next.tiles.get(id) : undefined;
    const taken = handover?.media(message, tile.opened, tile.position);
    if (!taken) return;
    this.#over(id, tile, taken.opened, taken.continues);
    for (const one of taken.media) {
      tile.position.heard(one);
      tile.hear({ type: "media", message: one });
    }
    this.#moved();
  }

  #again = (): void => {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#tiles.size > 0) this.#connect();
  };

  /** The network is back, or another one: no reason to wait any longer, and every reason to doubt what is open. */
  #online = (): void => {
    if (this.#timer !== undefined) this.#again();
    else if (this.#session?.ready) this.#session.ask();
    this.#upAt = 0;
    this.#climbing.reset();
    if (this.#climb !== undefined) {
      clearTimeout(this.#climb);
      this.#up();
    }
  };

  /** A path that is cut without a word looks open for minutes: silence is asked about, then believed. */
  #look = (): void => {
    const session = this.#session;
    if (!session) return;
    const udp = session.kind === "webtransport";
    const waited = session.watch(udp ? SILENT_UDP_MS : SILENT_MS);
    this.#next?.session.watch(Number.POSITIVE_INFINITY);
    if (waited > ANSWER_MS) this.#end(session, CLOSED.abnormal, "silent");
    else if (udp && session.ready && waited > DOUBT_MS && !this.#next) this.#move("websocket");
    else if (udp && waited === 0 && this.#next?.session.kind === "websocket") this.#stay();
  };

  #restSoon(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => {
      if (this.#tiles.size === 0) this.#drop();
    }, IDLE_MS);
  }
}

function sendOpen(session: Session, id: TileId, { request }: Tile): void {
  const { camera, profile, priority, size, decodes, format, audio } = request;
  session.send({
    type: "open",
    tile: id,
    camera,
    profile,
    priority,
    ...(profile === "auto" && size ? size : {}),
    ...(decodes ? { decodes } : {}),
    format: format ?? "fmp4",
    audio: audio ?? false,
  });
}

/** Says that a phone went from the mast to the house, in the browsers that have it. */
const connection = (): EventTarget | null =>
  (globalThis.navigator as { connection?: EventTarget } | undefined)?.connection ?? null;
