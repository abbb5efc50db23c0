/**
 * What has arrived for a source buffer and is not appended yet. Bounded in items and bytes: an element that does not take
 * its data (a hidden tab, a busy decoder) loses whole groups, never memory.
 */
import type { MediaTicks, UtcMicros } from "../domain/ids";

export interface Piece {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly init: boolean;
  readonly key: boolean;
  readonly discontinuity: boolean;
  readonly mediaTime: MediaTicks;
  readonly captureTime: UtcMicros;
}

export interface Limits {
  readonly items: number;
  readonly bytes: number;
}

/** About 8 s of a main stream of 4 Mbit/s, or 25 fps over 20 s. */
export const DEFAULT_LIMITS: Limits = { items: 500, bytes: 4 * 1024 * 1024 };

export class PieceQueue {
  #pieces: Piece[] = [];
  #bytes = 0;
  #waitForKey = true;
  #dropped = 0;

  constructor(private readonly limits: Limits = DEFAULT_LIMITS) {}

  get length(): number {
    return this.#pieces.length;
  }
  /** The next to be taken. */
  get first(): Piece | undefined {
    return this.#pieces[0];
  }
  get bytes(): number {
    return this.#bytes;
  }
  /** Fragments left out so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Takes a piece. Before the first key frame, and after an overflow until the next one, fragments are left out. */
  push(piece: Piece): void {
    if (!piece.init) {
      if (this.#waitForKey && !piece.key) {
        this.#dropped += 1;
        return;
      }
      const full = this.#pieces.length >= this.limits.items || this.#bytes + piece.bytes.byteLength > this.limits.bytes;
      if (full) {
        this.#dropFragments();
        if (!piece.key) {
          this.#waitForKey = true;
          this.#dropped += 1;
          return;
        }
      }
      this.#waitForKey = false;
    } else {
      // What follows a new initialisation starts at a key frame by the wire's own rule.
      this.#waitForKey = true;
    }
    this.#pieces.push(piece);
    this.#bytes += piece.bytes.byteLength;
  }

  /**
   * Takes out what can be appended in one call: an initialisation alone, or fragments up to the next initialisation or the
   * next piece for which `breaks` says that something must be set first (a time offset).
   */
  take(breaks: (piece: Piece) => boolean): Piece[] {
    const batch: Piece[] = [];
    for (const piece of this.#pieces) {
      if (batch.length > 0 && (piece.init || batch[0]?.init || breaks(piece))) break;
      batch.push(piece);
    }
    this.#pieces.splice(0, batch.length);
    for (const piece of batch) this.#bytes -= piece.bytes.byteLength;
    return batch;
  }

  /** Leaves out what stands before the newest key frame, initialisations kept; how much that was. */
  toNewestKey(): number {
    const at = this.#pieces.findLastIndex((piece) => piece.key && !piece.init);
    if (at <= 0) return 0;
    const kept = this.#pieces.filter((piece, i) => i >= at || piece.init);
    const left = this.#pieces.length - kept.length;
    this.#pieces = kept;
    this.#bytes = kept.reduce((sum, piece) => sum + piece.bytes.byteLength, 0);
    return left;
  }

  clear(): void {
    this.#pieces = [];
    this.#bytes = 0;
    this.#waitForKey = true;
  }

  /** Initialisations stay: without them nothing that comes later can be read. */
  #dropFragments(): void {
    const kept = this.#pieces.filter((piece) => piece.init).slice(-1);
    this.#dropped += this.#pieces.length - kept.length;
    this.#pieces = kept;
    this.#bytes = kept.reduce((sum, piece) => sum + piece.bytes.byteLength, 0);
  }
}

/** One buffer for one append: many small appends cost a task and an event each. */
export function concat(pieces: readonly Pick<Piece, "bytes">[]): Uint8Array<ArrayBuffer> {
  const only = pieces[0];
  if (pieces.length === 1 && only) return only.bytes;
  const all = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.bytes.byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece.bytes, at);
    at += piece.bytes.byteLength;
  }
  return all;
}
