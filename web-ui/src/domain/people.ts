/** People who share where they are: how old that is. Pure. */
import type { Position } from "./command";
import type { Place } from "./region";

/** A phone in use says where it is every few seconds; after this it has lost the network, or its owner has put it away. */
export const STALE_MS = 120_000;

export interface Person {
  readonly user: string;
  readonly name: string;
  readonly place: Place;
  readonly accuracy_m: number | null;
  readonly ageMs: number;
  readonly stale: boolean;
}

export function peopleAt(positions: Iterable<Position>, now: number): Person[] {
  const people: Person[] = [];
  for (const one of positions) {
    if (!one.place || Date.parse(one.until) <= now) continue;
    const ageMs = Math.max(0, now - Date.parse(one.at));
    const { user, name, place, accuracy_m } = one;
    people.push({ user, name, place, accuracy_m, ageMs, stale: ageMs >= STALE_MS });
  }
  return people.sort((a, b) => a.name.localeCompare(b.name, "zh"));
}
