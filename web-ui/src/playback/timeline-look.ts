/** What is at a moment of a lane, what comes before and after it, and what a range holds: questions to what is known. No DOM. */
import type { EventKind } from "../domain/event";
import type { Happening, Hole, Part, Stretch } from "./timeline-data";
import type { Window } from "./timeline-math";

export type Here =
  | { readonly kind: "recorded"; readonly stretch: Stretch }
  | { readonly kind: "hole"; readonly hole: Hole }
  | { readonly kind: "unknown" };

/** What there is of a moment. */
export function here(parts: readonly Part[], time: number): Here {
  const part = parts.find((one) => time >= one.from && time < one.to);
  if (!part) return { kind: "unknown" };
  const stretch = part.content.stretches.find((one) => time >= one.from && time < one.to);
  if (stretch) return { kind: "recorded", stretch };
  const hole = part.content.holes.find((one) => time >= one.from && time < one.to);
  return { kind: "hole", hole: hole ?? { from: time, to: time, reason: null } };
}

/** Groups of kinds that a person tells apart at a glance, each with a row and a shape of its own. */
export const GROUPS = ["motion", "picture", "line", "people"] as const;
export type Group = (typeof GROUPS)[number];
const GROUP_OF: Readonly<Record<EventKind, Group>> = {
  motion: "motion",
  "picture-lost": "picture",
  frozen: "picture",
  dark: "picture",
  covered: "picture",
  "connection-lost": "line",
  "connection-back": "line",
  "recording-stopped": "line",
  "recording-back": "line",
  disk: "line",
  manual: "people",
  external: "people",
  "rate-low": "line",
};
export const groupOf = (kind: EventKind): Group => GROUP_OF[kind] ?? "line";

/** What happens in a part and may be seen: it begins there, and its group is shown. */
export function happenings(parts: readonly Part[], shown: ReadonlySet<Group>): Happening[] {
  const seen = new Set<string>();
  const found: Happening[] = [];
  for (const part of parts) {
    for (const one of part.content.happenings) {
      if (one.to < part.from || one.from >= part.to || !shown.has(groupOf(one.kind)) || seen.has(one.id + one.kind))
        continue;
      seen.add(one.id + one.kind);
      found.push(one);
    }
  }
  return found;
}

/** Those within so much of a moment, the nearest first. */
export function near(all: readonly Happening[], time: number, reachMs: number): Happening[] {
  const off = (one: Happening) =>
    time >= one.from && time <= one.to ? 0 : Math.min(Math.abs(time - one.from), Math.abs(time - one.to));
  return all.filter((one) => off(one) <= reachMs).sort((a, b) => off(a) - off(b) || a.from - b.from);
}

/** Where the next one begins after a moment, or the one before it. Beyond `slackMs`, so that a key pressed twice goes on. */
export function step(starts: readonly number[], time: number, direction: 1 | -1, slackMs = 500): number | null {
  const ahead = starts.filter((start) => (direction === 1 ? start > time + slackMs : start < time - slackMs));
  if (ahead.length === 0) return null;
  return direction === 1 ? Math.min(...ahead) : Math.max(...ahead);
}

/** Where holes of a lane begin; one that goes on in the next part counts once. */
export function holeStarts(parts: readonly Part[]): number[] {
  const starts: number[] = [];
  let end = Number.NEGATIVE_INFINITY;
  for (const part of parts) {
    for (const hole of part.content.holes) {
      const from = Math.max(hole.from, part.from);
      if (from >= Math.min(hole.to, part.to)) continue;
      if (from > end + 1) starts.push(from);
      end = Math.min(hole.to, part.to);
    }
  }
  return starts;
}

/** How much of a range is recorded, and about how many bytes that is. */
export function amount(parts: readonly Part[], range: Window): { bytes: number; recordedMs: number } {
  let [bytes, recordedMs] = [0, 0];
  for (const part of parts) {
    for (const one of part.content.stretches) {
      const from = Math.max(one.from, part.from, range.from);
      const to = Math.min(one.to, part.to, range.to);
      if (to <= from || one.to <= one.from) continue;
      const share = (to - from) / (one.to - one.from);
      bytes += one.bytes * share;
      recordedMs += Math.max(0, to - from - one.missingMs * share);
    }
  }
  return { bytes: Math.round(bytes), recordedMs: Math.round(recordedMs) };
}
