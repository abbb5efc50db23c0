/** All steps of a diagnosis, done or not, as a list shows them. */
import type { Diagnosis } from "../domain/types";

export interface StepView {
  readonly step: string;
  readonly outcome: "passed" | "failed" | "running" | "skipped";
  readonly tookMs: number | null;
  readonly detail: string;
}

export function stepViews(diagnosis: Diagnosis): StepView[] {
  const done = new Map(diagnosis.steps.map((one) => [one.step, one]));
  // The one that runs is the first after the last that is done.
  const last = Math.max(-1, ...diagnosis.steps.map((one) => diagnosis.order.indexOf(one.step)));
  return diagnosis.order.map((step, at) => {
    const one = done.get(step);
    if (one) return { step, outcome: one.cause ? "failed" : "passed", tookMs: one.took_ms, detail: one.detail };
    const running = diagnosis.running && at === last + 1;
    return { step, outcome: running ? "running" : "skipped", tookMs: null, detail: "" };
  });
}
