/**
 * One tile's way from one connection to another, without a black frame: the old one goes on until the new one has what the
 * tile can go on with. Pure: messages in, what the tile is to hear out.
 */
import type { ServerMessage, TrackInfo } from "../wire/control";
import type { MediaMessage } from "../wire/media";

export type Opened = Extract<ServerMessage, { type: "opened" }>;

/** The newest of each track that a tile has heard. */
export class Position {
  #newest: ({ group: number; frame: number } | null)[] = [null, null];

  /** Whether this comes after all of its track that was heard. Initialisations always do. */
  before(message: MediaMessage): boolean {
    const newest = this.#newest[message.track];
    if (!newest || message.kind === "initialisation") return true;
    return message.group > newest.group || (message.group === newest.group && message.frame > newest.frame);
  }

  heard(message: MediaMessage): void {
    if (message.kind !== "initialisation") {
      this.#newest[message.track] = { group: message.group, frame: message.frame };
    }
  }
}

export interface Taken {
  /** The very frames that follow those of the old connection: what plays goes on as if nothing had been. */
  readonly continues: boolean;
  readonly opened: Opened;
  readonly media: readonly MediaMessage[];
}

export class Handover {
  #opened: Opened | null = null;
  #heads: MediaMessage[] = [];

  opened(message: Opened): void {
    this.#opened = message;
    this.#heads = [];
  }
  get announced(): Opened | null {
    return this.#opened;
  }

  /** A message of the new connection; what the tile is to hear if it can go over with it. */
  media(message: MediaMessage, playing: Opened | null, position: Position): Taken | null {
    const opened = this.#opened;
    if (!opened) return null;
    if (message.kind === "initialisation") {
      this.#heads = [...this.#heads.filter((head) => head.track !== message.track), message];
      return null;
    }
    if (message.track !== 0) return null;
    if (playing && sameFeed(playing, opened)) {
      return position.before(message) ? { continues: true, opened, media: [message] } : null;
    }
    return message.key ? { continues: false, opened, media: [...this.#heads, message] } : null;
  }
}

const sameFeed = (a: Opened, b: Opened): boolean =>
  a.feed === b.feed && a.tracks.length === b.tracks.length && a.tracks.every((track, i) => same(track, b.tracks[i]));
const same = (a: TrackInfo, b: TrackInfo | undefined): boolean =>
  a.track === b?.track && a.codec === b.codec && a.width === b.width && a.height === b.height;
