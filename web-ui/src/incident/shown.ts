import { signal } from "@preact/signals";
import type { IncidentId } from "../domain/ids";

/** The incident whose page is open: parts that are fetched when they are first shown take no properties. */
export const shownIncident = signal<IncidentId | null>(null);
