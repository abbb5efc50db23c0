/**
 * Which alarm stands in the tile that is kept for them, and which wait behind it. Pure: what there is and the time in, a queue
 * out. Alarms of one camera are one entry: a lens that is covered again and again does not push the others out.
 */

import { GRADES, type SightEvent } from "../domain/event";
import type { CameraCode } from "../domain/ids";

/** An alarm stays at least this long, so that someone can look at it, unless a graver one comes. */
export const HOLD_MS = 15_000;
/** One that was chosen by hand stays this long; only a graver one takes its place before. */
export const CHOSEN_MS = 60_000;
/** What nobody looked at for this long is in the list of events, no more on the wall. */
const FRESH_MS = 600_000;
/** Entries that wait; the others are in the list of events. */
export const MOST_WAITING = 99;

/** All alarms of one camera that nobody has acknowledged. */
export interface Folded {
  readonly camera: CameraCode;
  /** The gravest, and of those the newest. */
  readonly event: SightEvent;
  /** How often in all. */
  readonly count: number;
  readonly ids: readonly SightEvent["id"][];
}
export interface Standing {
  readonly camera: CameraCode;
  readonly event: SightEvent;
  readonly since: number;
  /** Until when it stays, chosen by hand. */
  readonly chosen?: number;
}
export interface Queue {
  readonly entries: readonly Folded[];
  readonly standing: Standing | null;
}

const rank = (event: SightEvent): number => GRADES.indexOf(event.grade);
const newest = (event: SightEvent): number => Date.parse(event.last ?? event.start);
/** What a rule wants on the walls goes before all else of its grade. */
const order = (a: SightEvent, b: SightEvent): number =>
  rank(a) - rank(b) || Number(b.popup ?? false) - Number(a.popup ?? false) || newest(b) - newest(a);

/** `shown` are the cameras that stand on the wall already: their alarms are seen where they are. */
export function fold(events: readonly SightEvent[], shown: ReadonlySet<CameraCode>, now: number): readonly Folded[] {
  const byCamera = new Map<CameraCode, SightEvent[]>();
  for (const one of events) {
    if (one.camera === null || one.acknowledged || shown.has(one.camera) || now - newest(one) >= FRESH_MS) continue;
    byCamera.set(one.camera, [...(byCamera.get(one.camera) ?? []), one]);
  }
  const entries = [...byCamera].map(([camera, of]): Folded => {
    const [event, ...others] = [...of].sort(order) as [SightEvent, ...SightEvent[]];
    const count = others.reduce((sum, one) => sum + Math.max(1, one.count), Math.max(1, event.count));
    return { camera, event, count, ids: of.map((one) => one.id) };
  });
  return entries.sort((a, b) => order(a.event, b.event)).slice(0, MOST_WAITING);
}

/** What stands now, given what stood. */
export function nextAlarm(entries: readonly Folded[], standing: Standing | null, now: number): Standing | null {
  const first = entries[0];
  if (!first) return null;
  const still = standing && entries.find((one) => one.camera === standing.camera);
  const take = (one: Folded): Standing => ({ camera: one.camera, event: one.event, since: now });
  if (!still) return take(first);
  const graver = rank(first.event) < rank(still.event);
  const stays = standing.chosen === undefined ? standing.since + HOLD_MS : standing.chosen;
  if (first.camera !== still.camera && (graver || now >= stays)) return take(first);
  const { chosen, ...rest } = standing;
  return { ...rest, ...(chosen !== undefined && now < chosen ? { chosen } : {}), event: still.event };
}

/** The one behind or before what stands, round the end. */
export function step(queue: Queue, by: 1 | -1, now: number): Standing | null {
  const { entries, standing } = queue;
  if (entries.length === 0) return null;
  const at = entries.findIndex((one) => one.camera === standing?.camera);
  const next = entries[(at + by + entries.length) % entries.length] as Folded;
  return { camera: next.camera, event: next.event, since: now, chosen: now + CHOSEN_MS };
}

export const placeOf = (queue: Queue): number =>
  queue.entries.findIndex((one) => one.camera === queue.standing?.camera) + 1;
