/** Which alarm stands in the tile that is kept for them. Pure: what there is and the time in, an event or none out. */
import type { CameraCode } from "../domain/ids";
import { GRADES, type SightEvent } from "../domain/types";

/** An alarm stays at least this long, so that someone can look at it, unless a graver one comes. */
const HOLD_MS = 15_000;
/** What nobody looked at for this long is in the list of events, no more on the wall. */
const FRESH_MS = 600_000;

export interface Standing {
  readonly event: SightEvent;
  readonly since: number;
}

const rank = (event: SightEvent): number => GRADES.indexOf(event.grade);
const newest = (event: SightEvent): number => Date.parse(event.last ?? event.start);

/** `shown` are the cameras that stand on the wall already: their alarms are seen where they are. */
export function nextAlarm(
  events: readonly SightEvent[],
  shown: ReadonlySet<CameraCode>,
  standing: Standing | null,
  now: number,
): Standing | null {
  const waiting = events.filter(
    (one) => one.camera !== null && !one.acknowledged && !shown.has(one.camera) && now - newest(one) < FRESH_MS,
  );
  // What a rule wants on the walls goes before all else of its grade.
  waiting.sort(
    (a, b) => rank(a) - rank(b) || Number(b.popup ?? false) - Number(a.popup ?? false) || newest(b) - newest(a),
  );
  const first = waiting[0];
  const still = standing && waiting.find((one) => one.id === standing.event.id);
  if (!first) return null;
  if (!still) return { event: first, since: now };
  const graver = rank(first) < rank(still);
  const due = now - standing.since >= HOLD_MS && first.id !== still.id;
  return graver || due ? { event: first, since: now } : { event: still, since: standing.since };
}
