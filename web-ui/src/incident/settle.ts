import { api } from "../api/client";
import type { Result } from "../api/http";
import { takeIncident } from "../api/store";
import type { Incident } from "../domain/command";
import { t } from "../i18n/t";
import { toast, toastProblem } from "../ui/widgets";

/** Takes an answer: what came back is shown; where somebody was first, that is said and what they did is shown. */
export async function settle(id: Incident["id"], result: Result<Incident>, words?: string): Promise<boolean> {
  if (result.ok) {
    takeIncident(result.value);
    if (words) toast(words);
    return true;
  }
  if (result.problem.code === "moved-on" || result.problem.code === "illegal-transition") {
    const now = await api.incident(id);
    if (now.ok) takeIncident(now.value);
    toast(t("incident.movedOn", { detail: result.problem.detail }), true);
    return false;
  }
  toastProblem(result.problem);
  return false;
}
