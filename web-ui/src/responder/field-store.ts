/** My tasks and their incidents: read from the gateway, kept on the phone for when it cannot be reached. */
import { computed, effect, signal } from "@preact/signals";
import { api } from "../api/client";
import { command } from "../api/command";
import { incidents, serverClock, streamUp, takeIncident, user } from "../api/store";
import type { Incident, ListedTask } from "../domain/command";
import { type IncidentId, monoMillis } from "../domain/ids";
import { isOpen } from "../domain/incident";
import { isOpenTask } from "../domain/task";
import * as shelf from "./shelf";

/** Changes are gathered this long before they are written down, ms. */
const KEEP_MS = 100;

const tasks = signal<readonly ListedTask[]>([]);
/** When it was last read, ms of this clock; `null` before the first time. */
export const readAt = signal<number | null>(null);
export const reachable = signal(true);
const kept = signal<readonly Incident[]>([]);

/** What the stream tells is newer than what was listed. */
export const myTasks = computed<readonly ListedTask[]>(() =>
  tasks.value
    .map((one) => {
      const now = incidentOf(one.incident)?.tasks[one.task.number - 1];
      return now && now.revision >= one.task.revision ? { ...one, task: now } : one;
    })
    .filter((one) => isOpenTask(one.task.progress) && one.task.owner === user.value?.user),
);

/** Incidents that I have to do with: by a task, or since I was told. */
export const myIncidents = computed<readonly Incident[]>(() => {
  const me = user.value?.user;
  const all = incidents.value.length > 0 ? incidents.value : kept.value;
  return all.filter(
    (one) =>
      isOpen(one.state) && (one.tasks.some((task) => task.owner === me) || one.told.some((told) => told.user === me)),
  );
});

export function incidentOf(id: IncidentId): Incident | undefined {
  return incidents.value.find((one) => one.id === id) ?? kept.value.find((one) => one.id === id);
}

export async function readField(): Promise<void> {
  const me = user.value?.user;
  if (!me) return;
  const found = await command.tasks({ owner: "me", state: "open" });
  reachable.value = found.ok || found.problem.status !== 0;
  if (!found.ok) return;
  tasks.value = found.value;
  readAt.value = Date.now();
  const ids = [...new Set(found.value.map((one) => one.incident))];
  const read = await Promise.all(ids.map((id) => api.incident(id)));
  for (const one of read) if (one.ok) takeIncident(one.value);
}

/** By how much the gateway's clock is ahead of this phone's, ms, as last seen. */
let offset = 0;
/** The gateway's time; without it this phone's clock, corrected by what is known of how wrong it is. */
export function fieldNow(): number {
  const us = serverClock.at(monoMillis(performance.now()));
  if (us === null) return Date.now() + offset;
  offset = us / 1000 - Date.now();
  return us / 1000;
}

/** Writes down what is shown, so that it is there without a network. */
function keep(me: string): void {
  if (readAt.value === null || incidents.value.length === 0) return;
  const shown = [...new Set([...myTasks.value.map((one) => one.incident), ...myIncidents.value.map((one) => one.id)])];
  fieldNow();
  const known = {
    tasks: myTasks.value,
    incidents: shown.flatMap((id) => incidentOf(id) ?? []),
    at: readAt.value,
    offset,
  };
  void shelf.keep(me, known).catch(() => undefined);
}

/** What the phone knows, at once; then what the gateway says, now and whenever it can be reached again. */
export function followField(me: string): () => void {
  void shelf
    .recall(me)
    .then((known) => {
      if (!known || readAt.value !== null) return;
      tasks.value = known.tasks;
      kept.value = known.incidents;
      readAt.value = known.at;
      offset = known.offset;
    })
    .catch(() => undefined);
  void readField();
  const online = () => void readField();
  addEventListener("online", online);
  // A task that was given or taken away changes the list itself.
  const mine = computed(() =>
    incidents.value
      .flatMap((one) => one.tasks.filter((task) => task.owner === me).map((task) => `${one.id}/${task.number}`))
      .join(),
  );
  let first = true;
  const unwatch = effect(() => {
    void mine.value;
    void streamUp.value;
    if (!first) void readField();
    first = false;
  });
  let writing: ReturnType<typeof setTimeout> | undefined;
  const unkeep = effect(() => {
    void myTasks.value;
    void myIncidents.value;
    clearTimeout(writing);
    // What changes in a row is written once.
    writing = setTimeout(() => keep(me), KEEP_MS);
  });
  return () => {
    removeEventListener("online", online);
    unwatch();
    unkeep();
    clearTimeout(writing);
  };
}
