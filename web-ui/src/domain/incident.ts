/** What an incident may become; the gateway has the last word (409). */
import type { IncidentState } from "./types";

const NEXT: Record<IncidentState, readonly IncidentState[]> = {
  reported: ["verified", "closed"],
  verified: ["handling", "closed"],
  handling: ["closed"],
  closed: ["filed"],
  filed: [],
};

export const nextStates = (state: IncidentState): readonly IncidentState[] => NEXT[state] ?? [];
export const noteRequired = (to: IncidentState): boolean => to === "closed";
export const isOpen = (state: IncidentState): boolean => state !== "closed" && state !== "filed";
