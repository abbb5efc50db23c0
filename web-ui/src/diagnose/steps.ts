/** All steps of a diagnosis, done or not, as a list shows them. */
import type { Diagnosis, Particulars } from "../domain/diagnosis";
import { saidWords } from "../i18n/said";
import { language } from "../i18n/t";

export interface StepView {
  readonly step: string;
  readonly outcome: "passed" | "failed" | "running" | "skipped";
  readonly tookMs: number | null;
  readonly detail: string;
}

/** What others said is in English as a rule: who reads Chinese finds it under "as it was said" of the failure. */
export function particulars({ detail, said, raw }: Particulars): string {
  if (said) return saidWords({ text: detail, said });
  return raw && language.value !== "en" ? "" : detail;
}

export function stepViews(diagnosis: Diagnosis): StepView[] {
  const done = new Map(diagnosis.steps.map((one) => [one.step, one]));
  // The one that runs is the first after the last that is done.
  const last = Math.max(-1, ...diagnosis.steps.map((one) => diagnosis.order.indexOf(one.step)));
  return diagnosis.order.map((step, at) => {
    const one = done.get(step);
    if (one) return { step, outcome: one.cause ? "failed" : "passed", tookMs: one.took_ms, detail: particulars(one) };
    const running = diagnosis.running && at === last + 1;
    return { step, outcome: running ? "running" : "skipped", tookMs: null, detail: "" };
  });
}
