/** What may be done with a task: the gateway's table (gateway/command/src/incident/task.rs), so that a phone without a network shows what it will become. */
import type { Progress, Step, Task } from "./command";

export const isOpenTask = (progress: Progress): boolean => progress !== "done" && progress !== "withdrawn";

/** Where a step leads; `null` where it may not be taken. */
export function after(from: Progress, step: Step): Progress | null {
  if (!isOpenTask(from)) return null;
  const within = (...of: Progress[]) => of.includes(from);
  switch (step) {
    case "reassign":
      return "assigned";
    case "withdraw":
      return "withdrawn";
    case "urge":
    case "supervise":
      return from;
    case "acknowledge":
      return within("assigned") ? "acknowledged" : null;
    case "begin":
      return within("acknowledged", "sent-back") ? "underway" : null;
    case "feed-back":
      return within("underway", "fed-back", "sent-back") ? "fed-back" : null;
    case "submit":
      return within("underway", "fed-back", "sent-back") ? "review" : null;
    case "approve":
      return within("review") ? "done" : null;
    case "send-back":
      return within("review") ? "sent-back" : null;
  }
}

const OWN: readonly Step[] = ["acknowledge", "begin", "feed-back", "submit"];
const REVIEW: readonly Step[] = ["approve", "send-back"];
const HANDLE: readonly Step[] = ["urge", "supervise", "reassign", "withdraw"];

/** The steps that this person may take now. */
export function stepsFor(task: Task, who: { readonly user: string; readonly handles: boolean }): readonly Step[] {
  const mine = task.owner === who.user;
  const all = [...(mine ? OWN : []), ...(who.handles && !mine ? REVIEW : []), ...(who.handles ? HANDLE : [])];
  return all.filter((step) => after(task.progress, step) !== null);
}

export const wordsNeeded = (step: Step): boolean => step === "feed-back" || step === "send-back" || step === "withdraw";

/** Milliseconds until the deadline, negative after it; `null` without one. */
export function left(task: Task, now: number): number | null {
  if (!task.deadline || !isOpenTask(task.progress)) return null;
  const at = Date.parse(task.deadline);
  return Number.isFinite(at) ? at - now : null;
}
