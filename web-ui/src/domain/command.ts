/** Incidents, their tasks and plans, as the API speaks of them (docs/reference/api.md). */

import type { Grade } from "./event";
import type { CameraCode, EventId, IncidentId, RegionCode } from "./ids";
import type { Place } from "./region";
import type { Role } from "./user";

export const INCIDENT_STATES = ["reported", "verified", "graded", "planned", "handling", "closed", "filed"] as const;
export type IncidentState = (typeof INCIDENT_STATES)[number];

export const PROGRESS = [
  "assigned",
  "acknowledged",
  "underway",
  "fed-back",
  "review",
  "done",
  "sent-back",
  "withdrawn",
] as const;
export type Progress = (typeof PROGRESS)[number];

export const STEPS = [
  "acknowledge",
  "begin",
  "feed-back",
  "submit",
  "approve",
  "send-back",
  "reassign",
  "withdraw",
  "urge",
  "supervise",
] as const;
export type Step = (typeof STEPS)[number];

export const LOG_ACTIONS = [
  "opened",
  "note",
  "transition",
  "graded",
  "plan",
  "task",
  "step",
  "overdue",
  "report",
  "cameras",
  "seen",
  "guest",
  "drawn",
  "erased",
] as const;

export interface LogEntry {
  /** Its number within the incident, from 0. */
  readonly n: number;
  readonly at: string;
  readonly by: string;
  readonly action: (typeof LOG_ACTIONS)[number];
  readonly from: IncidentState | null;
  readonly to: IncidentState | null;
  readonly note: string;
  readonly task: number | null;
  readonly step: Step | null;
  readonly place: Place | null;
  /** What the sender's own clock said. */
  readonly said_at: string | null;
  readonly attachments: readonly string[];
  readonly key: string | null;
  readonly report: number | null;
}

export interface Task {
  readonly number: number;
  readonly title: string;
  readonly detail: string;
  readonly owner: string;
  readonly deadline: string | null;
  readonly place: Place | null;
  readonly progress: Progress;
  readonly given_by: string;
  readonly given_at: string;
  readonly acknowledged_at: string | null;
  readonly ended_at: string | null;
  readonly overdue_at: string | null;
  readonly urged: number;
  readonly supervised_by: string | null;
  readonly revision: number;
  readonly last: { readonly step: Step; readonly by: string; readonly at: string } | null;
}

export const DRAWING_KINDS = ["point", "line", "area", "text"] as const;
/** What is drawn on the map for an incident. */
export interface Drawing {
  readonly number: number;
  readonly kind: (typeof DRAWING_KINDS)[number];
  readonly points: readonly Place[];
  readonly text: string;
  readonly by: string;
  readonly at: string;
  readonly erased_at: string | null;
}

export interface IncidentWall {
  readonly tiles: number;
  readonly cameras: readonly CameraCode[];
  /** The screen of a shared wall that shows them as soon as the plan is started. */
  readonly show?: { readonly wall: string; readonly screen: number };
}

export interface Incident {
  readonly id: IncidentId;
  readonly number: string;
  readonly title: string;
  readonly kind: string;
  readonly grade: Grade;
  readonly state: IncidentState;
  readonly region?: RegionCode | null;
  readonly place?: Place | null;
  readonly cameras: readonly CameraCode[];
  readonly event: EventId | null;
  readonly opened_at: string;
  readonly opened_by: string;
  readonly closed_at: string | null;
  readonly plans: readonly string[];
  readonly tasks: readonly Task[];
  readonly told: readonly { readonly user: string; readonly at: string; readonly seen_at: string | null }[];
  readonly wall: IncidentWall | null;
  readonly reports: number;
  readonly drawings: readonly Drawing[];
  /** How long the log is; `log` holds only its newest. */
  readonly entries: number;
  readonly log: readonly LogEntry[];
}

export interface LogPage {
  readonly total: number;
  readonly entries: readonly LogEntry[];
}

export interface ListedTask {
  readonly incident: IncidentId;
  readonly incident_number: string;
  readonly incident_title: string;
  readonly incident_state: IncidentState;
  readonly grade: Grade;
  readonly region: RegionCode;
  readonly place: Place | null;
  readonly task: Task;
}

export interface PlanTask {
  readonly title: string;
  readonly detail: string;
  readonly owner: string | null;
  readonly minutes: number | null;
}
export interface Plan {
  readonly id: string;
  readonly name: string;
  readonly region: RegionCode;
  readonly kind: string;
  readonly grade: Grade | null;
  readonly tasks: readonly PlanTask[];
  readonly camera_radius_m: number;
  readonly camera_count: number;
  readonly cameras: readonly CameraCode[];
  readonly wall: IncidentWall | null;
  readonly tell: readonly string[];
  readonly guidance: string;
}

export interface Attachment {
  readonly id: string;
  readonly kind: "photo" | "voice";
  readonly media_type: string;
  readonly bytes: number;
  readonly width: number | null;
  readonly height: number | null;
  readonly place: Place | null;
  readonly taken: string | null;
  readonly by: string;
  readonly at: string;
}

export interface Guest {
  readonly number: number;
  readonly name: string;
  readonly until: string;
  readonly by: string;
  readonly at: string;
  readonly ended_at: string | null;
}

export interface Position {
  readonly user: string;
  readonly name: string;
  readonly region: RegionCode;
  /** None once they are not to be seen any more. */
  readonly place: Place | null;
  readonly accuracy_m: number | null;
  readonly at: string;
  readonly until: string;
}

export interface Owner {
  readonly user: string;
  readonly name: string;
  readonly role: Role;
  readonly region: RegionCode;
}

export interface Figures {
  readonly key?: string;
  readonly name?: string;
  readonly incidents: number;
  readonly open: number;
  readonly tasks: number;
  readonly tasks_done: number;
  readonly tasks_overdue: number;
  readonly verify_s: number | null;
  readonly close_s: number | null;
  readonly acknowledge_s: number | null;
  readonly finish_s: number | null;
}
export interface Statistics {
  readonly from: string;
  readonly to: string;
  readonly all: Figures;
  readonly kinds: readonly Figures[];
  readonly regions: readonly Figures[];
  readonly grades: readonly Figures[];
}
