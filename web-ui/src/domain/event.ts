/** Events and notices, as the API speaks of them (docs/reference/api.md). */
import type { CameraCode, EventId, IncidentId, RegionCode } from "./ids";
import type { Place } from "./region";

export type Grade = "I" | "II" | "III" | "IV";
export const GRADES: readonly Grade[] = ["I", "II", "III", "IV"];

export const EVENT_KINDS = [
  "motion",
  "picture-lost",
  "frozen",
  "dark",
  "covered",
  "connection-lost",
  "connection-back",
  "recording-stopped",
  "recording-back",
  "disk",
  "manual",
  "external",
  "rate-low",
] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

export interface SightEvent {
  readonly id: EventId;
  readonly kind: EventKind;
  readonly camera: CameraCode | null;
  readonly camera_name?: string | null;
  readonly region?: RegionCode | null;
  readonly place?: Place | null;
  readonly start: string;
  readonly end: string | null;
  readonly last?: string | null;
  readonly count: number;
  /** The event that this one repeats: lists show that one, with its count. */
  readonly repeats?: EventId | null;
  readonly grade: Grade;
  readonly score?: number | null;
  readonly snapshot: string | null;
  readonly text?: string | null;
  readonly acknowledged: { readonly by: string; readonly at: string; readonly note: string } | null;
  readonly incident: IncidentId | null;
  /** Who told of it: a user, or another system. */
  readonly by?: string | null;
  /** The event that it happened together with: at one place, within a minute. */
  readonly together?: EventId | null;
  /** How many others happened together with it. */
  readonly others?: number;
  /** The rules that it fired. */
  readonly rules?: readonly string[];
  /** Whether a rule wants it on the walls. */
  readonly popup?: boolean;
  readonly exercise?: boolean;
  readonly photo?: {
    readonly bytes: number;
    readonly sha256: string;
    readonly url: string;
    readonly taken_at: Place | null;
  } | null;
}

/** What a rule has to say to people; without an event: it fires so often that it is held back. */
export interface Notice {
  readonly at: string;
  readonly rule: string;
  readonly name: string;
  readonly event: EventId | null;
  readonly camera: CameraCode | null;
  readonly region: RegionCode | null;
  readonly count: number;
  readonly incident: IncidentId | null;
  readonly text: string;
}
