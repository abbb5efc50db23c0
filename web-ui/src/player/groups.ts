/**
 * Groups that come on streams of their own, put into order again. Over WebTransport every group (GOP) of a track has a stream;
 * streams overtake each other and may be cut off. Pure: bytes and times in, messages out.
 */
import type { FeedId, MonoMillis } from "../domain/ids";
import type { MediaMessage } from "../wire/media";

/** Longest message that is believed; a key frame of a 4K camera has about 1 MB. The same bound as the gateway's. */
export const MOST_MESSAGE_BYTES = 16 * 1024 * 1024;
const LENGTH_BYTES = 4;

/** Cuts a stream of `u32 length` + message into messages, each in a buffer of its own. */
export class Splitter {
  #head = new Uint8Array(LENGTH_BYTES);
  #headAt = 0;
  #body: Uint8Array<ArrayBuffer> | null = null;
  #bodyAt = 0;

  /** The messages that are whole with these bytes, or in words what is wrong with the stream. */
  push(chunk: Uint8Array): ArrayBuffer[] | string {
    const whole: ArrayBuffer[] = [];
    let at = 0;
    while (at < chunk.byteLength) {
      if (!this.#body) {
        const part = Math.min(LENGTH_BYTES - this.#headAt, chunk.byteLength - at);
        this.#head.set(chunk.subarray(at, at + part), this.#headAt);
        this.#headAt += part;
        at += part;
        if (this.#headAt < LENGTH_BYTES) break;
        const length = new DataView(this.#head.buffer).getUint32(0);
        if (length === 0 || length > MOST_MESSAGE_BYTES) return `a message of ${length} bytes`;
        this.#headAt = 0;
        this.#body = new Uint8Array(length);
        this.#bodyAt = 0;
        continue;
      }
      const part = Math.min(this.#body.byteLength - this.#bodyAt, chunk.byteLength - at);
      this.#body.set(chunk.subarray(at, at + part), this.#bodyAt);
      this.#bodyAt += part;
      at += part;
      if (this.#bodyAt === this.#body.byteLength) {
        whole.push(this.#body.buffer);
        this.#body = null;
      }
    }
    return whole;
  }
}

interface Group {
  held: MediaMessage[];
  ended: boolean;
  readonly since: number;
}
interface Track {
  /** By number; the lowest is the one that is handed out as it comes. */
  readonly groups: Map<number, Group>;
  /** Groups below are over. */
  floor: number;
}

/** Most bytes of one track that wait for an older group; beyond them the older one is given up. */
const MOST_HELD_BYTES = 4 * 1024 * 1024;

export class GroupOrder {
  #tracks = new Map<string, Track>();

  /** `patienceMs`: a group whose successor waits this long is given up, since the gateway has reset it or will. */
  constructor(private readonly patienceMs: number) {}

  /** Feeds and tracks that are kept account of. */
  get size(): number {
    return this.#tracks.size;
  }

  /** Takes a message; returns what can be handed on now, in order. */
  media(now: MonoMillis, message: MediaMessage): MediaMessage[] {
    const key = keyOf(message.feed, message.track);
    let track = this.#tracks.get(key);
    if (!track) {
      track = { groups: new Map(), floor: message.group };
      this.#tracks.set(key, track);
    }
    // Too late for a group that was given up. The floor itself may come again: a tile that was paused within it goes on.
    if (message.group < track.floor) return [];
    let group = track.groups.get(message.group);
    if (!group) {
      group = { held: [], ended: false, since: now };
      track.groups.set(message.group, group);
    }
    group.ended = false;
    group.held.push(message);
    return this.#ready(track, now);
  }

  /** A group's stream has ended, whole or cut off: nothing more comes of it. */
  ended(now: MonoMillis, feed: FeedId, track: 0 | 1, number: number): MediaMessage[] {
    const known = this.#tracks.get(keyOf(feed, track));
    const group = known?.groups.get(number);
    if (!known || !group) return [];
    group.ended = true;
    return this.#ready(known, now);
  }

  /** What has waited long enough for an older group. To be asked now and then. */
  late(now: MonoMillis): MediaMessage[] {
    const out: MediaMessage[] = [];
    for (const track of this.#tracks.values()) if (track.groups.size > 1) out.push(...this.#ready(track, now));
    return out;
  }

  /** Nothing of this feed is wanted any more, or it begins anew. */
  forget(feed: FeedId): void {
    this.#tracks.delete(keyOf(feed, 0));
    this.#tracks.delete(keyOf(feed, 1));
  }

  #ready(track: Track, now: MonoMillis): MediaMessage[] {
    const out: MediaMessage[] = [];
    for (;;) {
      const numbers = [...track.groups.keys()].sort((a, b) => a - b);
      const first = numbers[0];
      if (first === undefined) return out;
      const group = track.groups.get(first) as Group;
      track.floor = first;
      out.push(...group.held);
      group.held = [];
      const second = numbers[1];
      if (second === undefined) return out;
      const next = track.groups.get(second) as Group;
      const over = group.ended || now - next.since >= this.patienceMs || heldBytes(track) > MOST_HELD_BYTES;
      if (!over) return out;
      track.groups.delete(first);
      track.floor = first + 1;
    }
  }
}

const keyOf = (feed: FeedId, track: 0 | 1): string => `${feed}/${track}`;

function heldBytes(track: Track): number {
  let sum = 0;
  for (const group of track.groups.values()) for (const message of group.held) sum += message.payload.byteLength;
  return sum;
}
