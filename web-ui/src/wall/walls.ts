/** The shared walls as this page knows them, kept true by the stream; and changes of a screen, one after the other. */
import { signal } from "@preact/signals";
import type { Problem, Result } from "../api/http";
import { wallApi } from "../api/walls";
import type { RegionCode } from "../domain/ids";
import type { User } from "../domain/user";
import { type Face, faceOf, type Present, type Screen, type SharedWall } from "./shared";

export const walls = signal<ReadonlyMap<string, SharedWall>>(new Map());
/** By wall. */
export const present = signal<ReadonlyMap<string, readonly Present[]>>(new Map());
export const wallsLoaded = signal(false);

export type WallMessage = SharedWall | { readonly id: string; readonly removed: true };

export function takeWall(message: WallMessage): void {
  const next = new Map(walls.value);
  if ("removed" in message) next.delete(message.id);
  else {
    // The answer to a change and the word of it come by two ways.
    const known = next.get(message.id);
    if (known && known.revision > message.revision) return;
    next.set(message.id, message);
  }
  walls.value = next;
}

export function takePresent(message: { readonly wall: string; readonly present: readonly Present[] }): void {
  present.value = new Map([...present.value, [message.wall, message.present]]);
}

export function forgetWalls(): void {
  walls.value = new Map();
  present.value = new Map();
  wallsLoaded.value = false;
}

/** Reads all that one may look at. */
export async function loadWalls(): Promise<Problem | null> {
  const answer = await wallApi.all();
  if (!answer.ok) return answer.problem;
  walls.value = new Map(answer.value.map((wall) => [wall.id, wall]));
  wallsLoaded.value = true;
  return null;
}

export async function loadPresent(wall: string): Promise<void> {
  const answer = await wallApi.presence(wall);
  if (answer.ok) takePresent({ wall, present: answer.value });
}

/** Whether this account sets what a wall shows; the gateway asks the same. */
export function directs(
  who: User | null,
  wall: { readonly region: RegionCode; readonly seat: string | null },
): boolean {
  if (!who) return false;
  if (wall.seat === who.user) return true;
  const handles = who.role === "administrator" || who.role === "operator";
  const related = wall.seat !== null && who.region.startsWith(wall.region);
  return handles && (wall.region.startsWith(who.region) || related);
}

/** Changes go one after the other, each from what the one before made of the screen. */
let last: Promise<unknown> = Promise.resolve();

/**
 * Sends a change in its turn; `null` where it was done, or there was nothing to do. Where somebody else was first, what they made of
 * the wall is there when this comes back, and the problem says who it was.
 */
function inTurn(wall: string, send: () => Promise<Result<SharedWall>> | null): Promise<Problem | null> {
  const made = last.then(async () => {
    const answer = await send();
    if (!answer) return null;
    if (answer.ok) {
      takeWall(answer.value);
      return null;
    }
    if (answer.problem.code === "stale") {
      const now = await wallApi.one(wall);
      if (now.ok) takeWall(now.value);
    }
    return answer.problem;
  });
  last = made.catch(() => undefined);
  return made;
}

/** Changes several screens at once: all of it, or, where somebody was first, nothing. */
export function directAll(wall: string, change: (screen: Screen, face: Face) => Face): Promise<Problem | null> {
  return inTurn(wall, () => {
    const before = walls.value.get(wall);
    if (!before) return null;
    const { name, region, note, revision } = before;
    const screens = Object.fromEntries(before.screens.map((one) => [one.screen, change(one, faceOf(one))]));
    return wallApi.put(wall, { name, region, note, revision, screens });
  });
}

/** Changes a screen from how it stands when its turn comes; a change that leaves it as it is is not sent. */
export function direct(wall: string, screen: number, change: (face: Face) => Face): Promise<Problem | null> {
  return inTurn(wall, () => {
    const before = walls.value.get(wall)?.screens.find((one) => one.screen === screen);
    const face = faceOf(before);
    const next = change(face);
    if (before && next === face) return null;
    return wallApi.setScreen(wall, screen, before?.revision ?? 0, next);
  });
}
