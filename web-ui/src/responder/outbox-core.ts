/**
 * What was said in the field and is not known to have come. Plain values: no network, no storage, no clock.
 * An entry leaves only when the gateway has answered that it is written down, or when its author throws it away.
 */
import type { Step, Task } from "../domain/command";
import type { IncidentId } from "../domain/ids";
import type { Place } from "../domain/region";
import { after } from "../domain/task";

export interface Draft {
  /** The mark by which the gateway knows what comes twice. */
  readonly key: string;
  /** Whose it is: somebody else on the same phone does not send it. */
  readonly user: string;
  readonly incident: IncidentId;
  readonly incidentNumber: string;
  /** Of a step. */
  readonly task: number | null;
  readonly step: Step | null;
  readonly note: string;
  readonly place: Place | null;
  /** The phone's own clock. The gateway keeps it beside its own. */
  readonly saidAt: string;
  readonly files: readonly DraftFile[];
  readonly state: DraftState;
}
export interface DraftFile {
  readonly blob: Blob;
  readonly name: string;
  /** What the gateway calls it once it has it. */
  readonly kept: string | null;
}
export type DraftState =
  | { readonly kind: "waiting" }
  | { readonly kind: "sending" }
  /** The gateway has said no; sending it again as it is would change nothing. */
  | { readonly kind: "refused"; readonly why: string };

/** What came of an attempt. */
export type Outcome =
  | { readonly kind: "done" }
  /** Nobody answered, or not now: later. */
  | { readonly kind: "later" }
  /** Nobody is signed in any more: it waits for its author. */
  | { readonly kind: "signed-out" }
  | { readonly kind: "refused"; readonly why: string };

/** By an answer's status: 0 is no answer at all. */
export function outcomeOf(status: number, why: string): Outcome {
  if (status === 401) return { kind: "signed-out" };
  if (status === 0 || status === 408 || status === 429 || status >= 500) return { kind: "later" };
  return { kind: "refused", why };
}

/** What is to be sent next: the oldest that waits, since what is said of a task stands on what was said before. */
export function next(drafts: readonly Draft[], user: string): Draft | null {
  return drafts.find((draft) => draft.user === user && draft.state.kind !== "refused") ?? null;
}

/** How the tasks will look when all of it has come. */
export function project(task: Task, incident: IncidentId, drafts: readonly Draft[]): Task {
  return drafts.reduce((now, draft) => {
    if (draft.incident !== incident || draft.task !== task.number || !draft.step) return now;
    if (draft.state.kind === "refused") return now;
    const progress = after(now.progress, draft.step);
    return progress ? { ...now, progress } : now;
  }, task);
}

/** Waits between attempts double up to this, ms. */
export const LONGEST_MS = 30_000;
export const pause = (attempt: number): number => Math.min(LONGEST_MS, 1000 * 2 ** Math.min(attempt, 10));
