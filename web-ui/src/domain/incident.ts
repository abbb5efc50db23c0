/** What an incident may become; the gateway has the last word (409). */
import type { IncidentState } from "./command";

/** The stages that a person moves it to. `planned` is reached by starting a plan. */
const NEXT: Record<IncidentState, readonly IncidentState[]> = {
  reported: ["verified", "closed"],
  verified: ["graded", "handling", "closed"],
  graded: ["handling", "closed"],
  planned: ["handling", "closed"],
  handling: ["closed"],
  closed: ["filed", "handling"],
  filed: [],
};

export const nextStates = (state: IncidentState): readonly IncidentState[] => NEXT[state] ?? [];
export const noteRequired = (from: IncidentState, to: IncidentState): boolean =>
  to === "closed" || (from === "closed" && to === "handling");
export const isOpen = (state: IncidentState): boolean => state !== "closed" && state !== "filed";
