/**
 * What was recorded when, read as coarse as the view shows it: a month is a few hundred rows, ten seconds are to the frame. What was
 * read is kept, so that flying over it asks for nothing twice; while something finer is on its way, what is known is shown. No DOM.
 */

import type { EventKind, Grade } from "../domain/event";
import type { CameraCode } from "../domain/ids";
import { toRfc3339 } from "../domain/ids";
import type { Reason } from "../domain/reason";
import type { Gap, Recordings } from "../domain/recording";
import type { Window } from "./timeline-math";

export interface Level {
  /** Coarser than this nothing is told; `null`: to the frame. */
  readonly resolutionMs: number | null;
  /** So much is asked for at once; whole multiples since 1970, so that two views share it. */
  readonly chunkMs: number;
  /** Used while a pixel is at most so long. */
  readonly perPxMs: number;
}
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** From fine to coarse. A chunk has at most 10,000 steps of its resolution: the gateway refuses more. */
export const LEVELS: readonly Level[] = [
  { resolutionMs: null, chunkMs: 4 * HOUR, perPxMs: 8000 },
  { resolutionMs: 15_000, chunkMs: DAY, perPxMs: 60_000 },
  { resolutionMs: 120_000, chunkMs: 8 * DAY, perPxMs: 480_000 },
  { resolutionMs: 900_000, chunkMs: 32 * DAY, perPxMs: Number.POSITIVE_INFINITY },
];

export function levelOf(view: Window, width: number): number {
  const perPx = (view.to - view.from) / Math.max(1, width);
  return LEVELS.findIndex((level) => perPx <= level.perPxMs);
}

/** Numbers of the chunks that a view touches, those of the future left out. */
export function chunksOf(view: Window, level: number, now: number): number[] {
  const { chunkMs } = LEVELS[level] as Level;
  const found: number[] = [];
  const last = Math.floor(Math.min(view.to, now - 1) / chunkMs);
  for (let n = Math.floor(view.from / chunkMs); n <= last; n++) found.push(n);
  return found;
}

/** Recorded, as milliseconds. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
  readonly bytes: number;
  /** Gaps in it that are too short to be told. */
  readonly missingMs: number;
  /** Its disk is not there. */
  readonly unavailable: Reason | null;
}
export interface Hole {
  readonly from: number;
  readonly to: number;
  readonly reason: Reason | null;
}
/** One event, or several of a kind that are too near each other. */
export interface Happening {
  readonly from: number;
  readonly to: number;
  readonly kind: EventKind;
  readonly count: number;
  readonly id: string;
  readonly grade: Grade | null;
}
export interface Content {
  readonly stretches: readonly Stretch[];
  readonly holes: readonly Hole[];
  readonly happenings: readonly Happening[];
  readonly incomplete: boolean;
}
export const NOTHING: Content = { stretches: [], holes: [], happenings: [], incomplete: false };

export function contentOf(answer: Recordings): Content {
  const ms = (text: string) => Date.parse(text);
  const singles = answer.events
    .filter((event) => !event.repeats)
    .map((event) => ({
      from: ms(event.start),
      to: ms(event.end ?? event.last ?? event.start),
      kind: event.kind,
      count: event.count,
      id: event.id,
      grade: event.grade,
    }));
  const marks = (answer.marks ?? []).map((mark) => ({
    from: ms(mark.start),
    to: ms(mark.end),
    kind: mark.kind,
    count: mark.count,
    id: mark.event,
    grade: null,
  }));
  return {
    stretches: answer.spans.map((span) => ({
      from: ms(span.start),
      to: ms(span.end),
      bytes: span.bytes ?? 0,
      missingMs: span.missing_ms ?? 0,
      unavailable: (span.unavailable_ms ?? 0) * 2 > ms(span.end) - ms(span.start) ? (span.unavailable ?? null) : null,
    })),
    holes: answer.gaps.map((gap: Gap) => ({ from: ms(gap.start), to: ms(gap.end), reason: gap.reason })),
    happenings: [...singles, ...marks].sort((a, b) => a.from - b.from),
    incomplete: answer.incomplete ?? false,
  };
}

/** A part of a view with what is known of it; `content` is clipped to it by whoever draws. */
export interface Part {
  readonly from: number;
  readonly to: number;
  readonly content: Content;
}

/** Of two chunks that touch the present, the newer answer is the true one; what is older than this is asked for again, ms. */
const FRESH_MS = 10_000;
/** The past changes too: retention deletes, a disk comes back. */
const SETTLED_MS = 300_000;
/** Chunks that are kept: nine cameras at four levels with room to fly. A chunk is some kilobytes. */
const MOST_CHUNKS = 180;
/** Questions under way at once: pictures and the rest of the page need their turn. */
const AT_ONCE = 6;

interface Chunk {
  readonly content: Content;
  readonly at: number;
  /** Up to where it is told: the present, when it was asked. */
  readonly until: number;
}
export type Ask = (
  code: CameraCode,
  from: string,
  to: string,
  resolutionMs: number | null,
) => Promise<{ readonly ok: true; readonly value: Recordings } | { readonly ok: false }>;

/** What is known of all cameras' recordings. Bounded: what was not looked at for longest goes. */
export class TimelineData {
  readonly #chunks = new Map<string, Chunk>();
  readonly #asked = new Set<string>();
  #queue: (() => Promise<void>)[] = [];
  #running = 0;
  #closed = false;
  failed = false;

  constructor(
    private readonly ask: Ask,
    private readonly changed: () => void,
    private readonly now: () => number,
  ) {}

  /** Asks for what a view lacks. What was queued for an earlier view and has not been sent is forgotten. */
  want(codes: readonly CameraCode[], view: Window, width: number): void {
    const level = levelOf(view, width);
    const now = this.now();
    this.#queue = [];
    for (const code of codes) {
      for (const n of chunksOf(view, level, now)) {
        const key = `${code}/${level}/${n}`;
        if (!this.#asked.has(key) && !this.#isFresh(key, level, n, now))
          this.#queue.push(() => this.#read(key, code, level, n));
      }
    }
    this.#pump();
  }

  /** What is known of a view of a camera, the best level first; parts that nothing is known of are left out. */
  parts(code: CameraCode, view: Window, width: number): Part[] {
    const best = levelOf(view, width);
    const order = [best, ...LEVELS.keys()].filter((level, i) => i === 0 || level !== best);
    // The nearest levels first, coarser before finer: one coarse chunk covers what many fine ones do.
    order.sort((a, b) => Math.abs(a - best) - Math.abs(b - best) || b - a);
    let open: Window[] = [view];
    const found: Part[] = [];
    for (const level of order) {
      const { chunkMs } = LEVELS[level] as Level;
      const next: Window[] = [];
      for (const part of open) {
        let at = part.from;
        for (let n = Math.floor(part.from / chunkMs); n * chunkMs < part.to; n++) {
          const key = `${code}/${level}/${n}`;
          const chunk = this.#chunks.get(key);
          if (!chunk) continue;
          const from = Math.max(at, n * chunkMs);
          const to = Math.min(part.to, (n + 1) * chunkMs, chunk.until);
          if (to <= from) continue;
          this.#chunks.delete(key);
          this.#chunks.set(key, chunk);
          if (from > at) next.push({ from: at, to: from });
          found.push({ from, to, content: chunk.content });
          at = to;
        }
        if (at < part.to) next.push({ from: at, to: part.to });
      }
      open = next;
      if (open.length === 0) break;
    }
    return found.sort((a, b) => a.from - b.from);
  }

  /** Whether all of a view is known as fine as it is shown. */
  isKnown(codes: readonly CameraCode[], view: Window, width: number): boolean {
    const level = levelOf(view, width);
    const all = chunksOf(view, level, this.now());
    return codes.every((code) => all.every((n) => this.#chunks.has(`${code}/${level}/${n}`)));
  }

  close(): void {
    this.#closed = true;
    this.#queue = [];
  }

  get size(): number {
    return this.#chunks.size;
  }

  #isFresh(key: string, level: number, n: number, now: number): boolean {
    const chunk = this.#chunks.get(key);
    if (!chunk) return false;
    const end = (n + 1) * (LEVELS[level] as Level).chunkMs;
    return now - chunk.at < (chunk.until < end ? FRESH_MS : SETTLED_MS);
  }

  #pump(): void {
    while (this.#running < AT_ONCE && !this.#closed) {
      const next = this.#queue.shift();
      if (!next) return;
      this.#running += 1;
      void next().finally(() => {
        this.#running -= 1;
        this.#pump();
      });
    }
  }

  async #read(key: string, code: CameraCode, level: number, n: number): Promise<void> {
    const { chunkMs, resolutionMs } = LEVELS[level] as Level;
    const until = Math.min((n + 1) * chunkMs, this.now());
    this.#asked.add(key);
    const answer = await this.ask(code, toRfc3339(n * chunkMs), toRfc3339(until), resolutionMs);
    this.#asked.delete(key);
    if (this.#closed) return;
    this.failed = !answer.ok;
    if (answer.ok) {
      this.#chunks.delete(key);
      this.#chunks.set(key, { content: contentOf(answer.value), at: this.now(), until });
      for (const old of this.#chunks.keys()) {
        if (this.#chunks.size <= MOST_CHUNKS) break;
        this.#chunks.delete(old);
      }
    }
    this.changed();
  }
}
