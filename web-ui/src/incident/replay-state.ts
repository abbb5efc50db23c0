/** How an incident stood at a moment, told from its log alone. */
import type { Drawing, IncidentState, LogEntry, Progress } from "../domain/command";
import { after } from "../domain/task";

export interface TaskThen {
  readonly number: number;
  readonly title: string;
  readonly progress: Progress;
}
export interface Then {
  readonly state: IncidentState;
  readonly tasks: readonly TaskThen[];
}

/** How many entries there were by then; they are in the order of time. */
export function countAt(times: readonly number[], at: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** After the first `count` entries. */
export function stateAfter(entries: readonly LogEntry[], count: number): Then {
  let state: IncidentState = "reported";
  const tasks = new Map<number, TaskThen>();
  for (const entry of entries.slice(0, count)) {
    if (entry.to) state = entry.to;
    if (entry.task === null) continue;
    if (entry.action === "task") {
      tasks.set(entry.task, { number: entry.task, title: entry.note, progress: "assigned" });
    }
    const task = tasks.get(entry.task);
    const progress = task && entry.step ? after(task.progress, entry.step) : null;
    if (task && progress) tasks.set(entry.task, { ...task, progress });
  }
  return { state, tasks: [...tasks.values()] };
}

/** What the map showed at a moment: drawn by then, and not erased yet. */
export function drawnBy(drawings: readonly Drawing[], at: string | undefined): Drawing[] {
  if (at === undefined) return [];
  const ms = Date.parse(at);
  return drawings.filter((one) => Date.parse(one.at) <= ms && (!one.erased_at || Date.parse(one.erased_at) > ms));
}
