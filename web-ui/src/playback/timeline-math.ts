/** The timeline's arithmetic: what is in view, where a moment stands, what was recorded then. No canvas, no DOM. */
import type { RecordingMap, Recordings } from "../domain/recording";

/** What the timeline shows; UTC milliseconds. */
export interface Window {
  readonly from: number;
  readonly to: number;
}
export const LEAST_MS = 10_000;
/** A month, with a margin on both sides. */
export const MOST_MS = 32 * 86_400_000;
const DAY_MS = 86_400_000;
/** The part of a view that may be in the future. */
const FUTURE = 0.12;

export const timeAt = (view: Window, x: number, width: number): number =>
  view.from + ((view.to - view.from) * x) / Math.max(1, width);
export const xAt = (view: Window, time: number, width: number): number =>
  ((time - view.from) / (view.to - view.from)) * width;

/** Zooms by a factor around a moment, which stays where it is on the screen. */
export function zoom(view: Window, factor: number, anchor: number): Window {
  const length = view.to - view.from;
  const next = Math.min(MOST_MS, Math.max(LEAST_MS, length * factor));
  const share = (anchor - view.from) / length;
  const from = anchor - share * next;
  return { from, to: from + next };
}

export const pan = (view: Window, ms: number): Window => ({ from: view.from + ms, to: view.to + ms });

/** Moves the window, and no further than needed, so that a moment stands inside its middle four fifths. */
export function follow(view: Window, time: number): Window {
  const length = view.to - view.from;
  if (time > view.to - length * 0.1) return pan(view, time - (view.to - length * 0.1));
  if (time < view.from + length * 0.1) return pan(view, time - (view.from + length * 0.1));
  return view;
}

/** Steps between ticks that a person reads as round, ms; from a day on they stand at midnights. */
const STEPS = [
  ...[1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200].map((s) => s * 1000),
  ...[1, 2, 5, 10].map((days) => days * DAY_MS),
];

/** Local time less UTC at a moment, ms: it changes within a view where clocks are put forward. */
export type Zone = (time: number) => number;
export const browserZone: Zone = (time) => -new Date(time).getTimezoneOffset() * 60_000;

export interface Ticks {
  readonly step: number;
  /** Round in local time, in order. */
  readonly at: readonly number[];
  /** Marks without words between them: the step's own parts. */
  readonly between: readonly number[];
  /** Every local midnight in view, whatever the step. */
  readonly midnights: readonly number[];
}

/** Moments of the ticks, at least `leastPx` apart. */
export function ticks(view: Window, width: number, leastPx: number, zone: Zone): Ticks {
  const perPx = (view.to - view.from) / Math.max(1, width);
  const step = STEPS.find((one) => one / perPx >= leastPx) ?? (STEPS.at(-1) as number);
  const part = STEPS.filter((one) => step % one === 0 && one < step && one / perPx >= 8).at(0) ?? step;
  const at = rounds(view, step, zone);
  const known = new Set(at);
  return {
    step,
    at,
    between: rounds(view, part, zone).filter((time) => !known.has(time)),
    midnights: rounds(view, DAY_MS, zone),
  };
}

/** Moments in view that are multiples of a step by the local clock. */
function rounds(view: Window, step: number, zone: Zone): number[] {
  const found: number[] = [];
  const first = Math.ceil((view.from + zone(view.from)) / step) * step;
  for (let local = first; ; local += step) {
    // The zone of about then: one more look where the clock is put forward in between.
    const time = local - zone(local - zone(view.from));
    if (time > view.to) return found;
    if (time >= view.from) found.push(time);
  }
}

/** A view of so long around a moment that is in it, or around its middle; the moment keeps its place on the screen. */
export function lengthen(view: Window, length: number, anchor: number | null): Window {
  const inside = anchor !== null && anchor >= view.from && anchor <= view.to;
  const about = inside ? anchor : (view.from + view.to) / 2;
  return zoom(view, length / (view.to - view.from), about);
}

/** Nothing is in the future: no more of it is shown than says that it is. */
export function clamp(view: Window, now: number): Window {
  const length = view.to - view.from;
  const latest = now + length * FUTURE;
  return view.to > latest ? { from: latest - length, to: latest } : view;
}

type Piece = RecordingMap["pieces"][number];

/** The wall time of a moment of the file. */
export function wallOf(pieces: readonly Piece[], media: number): number | null {
  let found: Piece | undefined;
  for (const piece of pieces) if (piece.media_start_s <= media + 1e-6) found = piece;
  found ??= pieces[0];
  if (!found) return null;
  return Math.min(Date.parse(found.end), Date.parse(found.start) + Math.max(0, media - found.media_start_s) * 1000);
}

/** The file's time of a wall time; inside a gap it is the start of what follows. `null` after the last piece. */
export function mediaOf(pieces: readonly Piece[], wall: number): number | null {
  for (const piece of pieces) {
    if (wall < Date.parse(piece.end)) return piece.media_start_s + Math.max(0, wall - Date.parse(piece.start)) / 1000;
  }
  return null;
}

export type At =
  | { readonly kind: "recorded" }
  | { readonly kind: "gap"; readonly code: string | null; readonly next: number | null }
  | { readonly kind: "unknown" };

/** What there is of a moment. */
export function lookUp(recordings: Recordings | null, time: number): At {
  if (!recordings) return { kind: "unknown" };
  if (time < Date.parse(recordings.from) || time > Date.parse(recordings.to)) return { kind: "unknown" };
  if (recordings.spans.some((span) => time >= Date.parse(span.start) && time < Date.parse(span.end))) {
    return { kind: "recorded" };
  }
  const gap = recordings.gaps.find((one) => time >= Date.parse(one.start) && time < Date.parse(one.end));
  const later = recordings.spans.map((span) => Date.parse(span.start)).filter((start) => start > time);
  return { kind: "gap", code: gap?.reason?.code ?? null, next: later.length > 0 ? Math.min(...later) : null };
}

/** Where playback opens: ten minutes before the newest recorded moment, or at the start of a shorter recording. */
export function opening(recordings: Recordings, backMs: number): number | null {
  const last = recordings.spans.at(-1);
  if (!last) return null;
  const wanted = Date.parse(last.end) - backMs;
  if (lookUp(recordings, wanted).kind === "recorded") return wanted;
  const after = recordings.spans.find((span) => Date.parse(span.end) > wanted);
  return after ? Math.max(wanted, Date.parse(after.start)) : Date.parse(last.start);
}

/** A selection in order, or `null` when it is too short to mean anything. */
export function range(a: number, b: number): Window | null {
  return Math.abs(a - b) < 1000 ? null : { from: Math.min(a, b), to: Math.max(a, b) };
}
