/** Sends what was said, as soon as there is a network, in order, once. One page at a time sends. */
import { signal } from "@preact/signals";
import { command } from "../api/command";
import { takeIncident } from "../api/store";
import { problemWords } from "../ui/widgets";
import { type Draft, next, type Outcome, outcomeOf, pause } from "./outbox-core";
import * as shelf from "./shelf";

export const outbox = signal<readonly Draft[]>([]);
/** The phone has no room, or forbids keeping anything: what is said now would be lost with the page. */
export const outboxBroken = signal<string | null>(null);

let running: string | null = null;
let attempt = 0;
let timer: ReturnType<typeof setTimeout> | undefined;
let busy = false;

/** Begins to send for somebody; reads what is left from before. */
export async function startOutbox(user: string): Promise<void> {
  running = user;
  attempt = 0;
  addEventListener("online", soon);
  document.addEventListener("visibilitychange", soon);
  await reread();
  void work();
}

export function stopOutbox(): void {
  running = null;
  clearTimeout(timer);
  removeEventListener("online", soon);
  document.removeEventListener("visibilitychange", soon);
}

/** Takes something on. It is on the disk when this returns. */
export async function say(draft: Draft): Promise<boolean> {
  try {
    await shelf.add(draft);
  } catch (error) {
    outboxBroken.value = String(error);
    return false;
  }
  await reread();
  soon();
  return true;
}

export async function throwAway(key: string): Promise<void> {
  await shelf.remove(key);
  await reread();
}

/** What was refused is tried as it is once more. */
export async function again(draft: Draft): Promise<void> {
  await shelf.change({ ...draft, state: { kind: "waiting" } });
  await reread();
  soon();
}

async function reread(): Promise<void> {
  try {
    outbox.value = await shelf.drafts();
    outboxBroken.value = null;
  } catch (error) {
    outboxBroken.value = String(error);
  }
}

export function soon(): void {
  if (document.hidden) return;
  attempt = 0;
  clearTimeout(timer);
  void work();
}

async function work(): Promise<void> {
  if (busy || !running) return;
  busy = true;
  try {
    // Two pages of one phone would both send: the gateway takes it once, and the line would carry it twice.
    if (navigator.locks) await navigator.locks.request("sightline-outbox", sendAll);
    else await sendAll();
  } finally {
    busy = false;
  }
}

async function sendAll(): Promise<void> {
  for (;;) {
    await reread();
    const draft = running ? next(outbox.value, running) : null;
    if (!draft) return;
    mark({ ...draft, state: { kind: "sending" } });
    const outcome = await send(draft);
    switch (outcome.kind) {
      case "done":
        attempt = 0;
        await shelf.remove(draft.key);
        break;
      case "refused":
        await shelf.change({ ...draft, state: outcome });
        break;
      case "signed-out":
        await reread();
        return;
      case "later":
        await reread();
        clearTimeout(timer);
        timer = setTimeout(() => void work(), pause(attempt));
        attempt += 1;
        return;
    }
  }
}

const mark = (draft: Draft): void => {
  outbox.value = outbox.value.map((one) => (one.key === draft.key ? draft : one));
};

async function send(draft: Draft): Promise<Outcome> {
  let files = draft.files;
  for (const [i, file] of files.entries()) {
    if (file.kept) continue;
    const kept = await command.attach(draft.incident, file.blob);
    if (!kept.ok) return outcomeOf(kept.problem.status, `${file.name}: ${problemWords(kept.problem)}`);
    files = files.map((one, n) => (n === i ? { ...one, kept: kept.value.id } : one));
    await shelf.change({ ...draft, files });
  }
  const words = {
    note: draft.note,
    place: draft.place,
    said_at: draft.saidAt,
    attachments: files.flatMap((file) => (file.kept ? [file.kept] : [])),
    key: draft.key,
  };
  const sent =
    draft.task !== null && draft.step
      ? await command.step(draft.incident, draft.task, { ...words, step: draft.step })
      : await command.note(draft.incident, words);
  if (!sent.ok) return outcomeOf(sent.problem.status, problemWords(sent.problem));
  takeIncident(sent.value);
  return { kind: "done" };
}
