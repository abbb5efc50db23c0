/** What the API speaks of; the shapes of docs/reference/api.md. */
import type { Words } from "../i18n/said";
import type { CameraCode, EventId, IncidentId, RegionCode } from "./ids";

export type Role = "administrator" | "operator" | "responder" | "auditor" | "guest";
export type Profile = "main" | "sub";
export type Grade = "I" | "II" | "III" | "IV";
export const GRADES: readonly Grade[] = ["I", "II", "III", "IV"];

export interface Reason {
  readonly code: string;
  readonly text: string;
  readonly said?: Words | undefined;
}
export interface Place {
  readonly lon: number;
  readonly lat: number;
}

export interface User {
  readonly user: string;
  readonly name: string;
  readonly role: Role;
  readonly region: RegionCode;
  /** Of a guest: the one incident that they see. */
  readonly incident?: IncidentId;
  /** Of a screen that came by a link: the one wall that it shows. */
  readonly wall?: string;
}

export type RegionLevel = "province" | "city" | "district" | "town" | "village";
export interface Region {
  readonly code: RegionCode;
  readonly name: string;
  readonly name_en?: string | null;
  readonly parent: RegionCode | null;
  readonly level: RegionLevel;
  readonly place?: Place | null;
  /** Rises with every change of it. */
  readonly revision?: number;
  /** In it and below. */
  readonly cameras?: number;
}

export type CameraState = "live" | "idle" | "connecting" | "offline" | "disabled";
export const CAMERA_STATES: readonly CameraState[] = ["live", "idle", "connecting", "offline", "disabled"];

export interface ProfileInfo {
  readonly state: string;
  readonly codec?: string | null;
  readonly width?: number | null;
  readonly height?: number | null;
  readonly bit_rate_bps?: number | null;
  readonly frame_rate?: number | null;
}

export interface Camera {
  readonly code: CameraCode;
  /** Rises with every change of its file. */
  readonly revision?: number;
  readonly name: string;
  readonly region: RegionCode;
  readonly region_name?: string | null;
  readonly state: CameraState;
  readonly reason: Reason | null;
  readonly since: string | null;
  readonly place: Place | null;
  readonly heading: number | null;
  readonly view_angle: number | null;
  readonly view_distance: number | null;
  readonly site_class?: string | null;
  readonly form?: string | null;
  readonly maker?: string | null;
  readonly address?: string | null;
  readonly asset?: { readonly department?: string } | null;
  readonly recording: boolean;
  readonly recording_state: "recording" | "waiting" | "stopped" | "off";
  readonly profiles?: Partial<Record<Profile, ProfileInfo | null>> | null;
  readonly clock_offset_ms?: number | null;
  /** The last scheduled look at it. */
  readonly check?: {
    readonly at: string;
    readonly outcome: "good" | "dark" | "covered" | "undecodable" | "no-picture";
    readonly reason: Reason | null;
  } | null;
  readonly tags?: readonly string[];
  readonly zones?: readonly Zone[];
}

/** A corner of a zone: shares of the picture's width and height from the upper left. */
export type ZonePoint = readonly [x: number, y: number];
/** A polygon in the picture in which motion counts. */
export interface Zone {
  readonly name: string;
  readonly points: readonly ZonePoint[];
}

/** What an administrator writes of a camera; the password never comes back. */
export interface CameraRecord {
  code: string;
  revision?: number;
  name: string;
  region: string;
  place: Place | null;
  heading: number | null;
  view_angle: number | null;
  view_distance: number | null;
  site_class: string;
  form: string;
  maker: string;
  address: string;
  tags: string[];
  main_url: string;
  sub_url: string;
  username: string;
  password: string;
  transport: "tcp" | "udp" | "auto";
  always: boolean;
  record: boolean;
  keep_days: number;
  tag: boolean;
  disabled: boolean;
  zones: readonly Zone[];
}

/** A camera with what only an administrator is sent of its record. */
export type FullCamera = Camera & Partial<Omit<CameraRecord, keyof Camera>>;

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

export type { Incident, IncidentState } from "./command";

export interface Span {
  readonly start: string;
  readonly end: string;
  readonly bytes?: number;
  /** Gaps in it that the answer is too coarse to tell. */
  readonly missing_ms?: number;
  /** So much of it lies on a disk that is not there, and why. */
  readonly unavailable_ms?: number;
  readonly unavailable?: Reason | null;
}
export interface Gap {
  readonly start: string;
  readonly end: string;
  readonly reason: Reason | null;
}
export interface Recordings {
  readonly camera: CameraCode;
  readonly from: string;
  readonly to: string;
  readonly spans: readonly Span[];
  readonly gaps: readonly Gap[];
  readonly events: readonly SightEvent[];
  /** Events by kind and step, where the answer is coarse. */
  readonly marks?: readonly Mark[];
  /** The index is being made again: more may have been recorded. */
  readonly incomplete?: boolean;
}
export interface Mark {
  readonly start: string;
  readonly end: string;
  readonly kind: EventKind;
  readonly count: number;
  readonly event: EventId;
}
export interface RecordingMap {
  readonly pieces: readonly { readonly media_start_s: number; readonly start: string; readonly end: string }[];
  readonly duration_s: number;
  readonly url: string;
}

export type Priority = "incident" | "wall" | "recording" | "tagging" | "viewer" | "diagnosis";
/** A time of every week with a share of its own: bit 0 of the days is Monday. */
export interface LinkSlot {
  readonly days: number;
  readonly from_min: number;
  readonly to_min: number;
  readonly share: number;
}
export interface Link {
  readonly id: string;
  readonly name: string;
  readonly level: RegionLevel;
  /** The link above it. */
  readonly up: string | null;
  readonly capacity_bps: number;
  readonly share: number;
  readonly share_now: number;
  readonly schedule: readonly LinkSlot[];
  readonly via: string | null;
  readonly said: "page" | "configuration";
  readonly revision: number;
  readonly budget_bps: number;
  readonly reserved_bps: number;
  readonly measured_bps: number;
  readonly pulls: readonly {
    readonly camera: CameraCode;
    readonly camera_name: string;
    readonly profile: Profile;
    /** `null`: nobody uses it any more. */
    readonly priority: Priority | null;
    readonly bps: number;
    readonly measured_bps: number;
    readonly viewers: readonly string[];
  }[];
  readonly refused: number;
  readonly refused_by: Partial<Record<Priority, number>>;
  readonly gave_way: number;
  readonly corrected: number;
}
export interface NewLink {
  readonly capacity_bps: number;
  readonly share: number;
  readonly schedule: readonly LinkSlot[];
  readonly via: string | null;
  readonly revision: number;
}
export interface LinkNote {
  readonly at: string;
  readonly link: string;
  readonly camera: CameraCode;
  readonly camera_name: string;
  readonly profile: Profile;
  readonly priority: Priority | null;
  readonly what: "refused" | "gave-way" | "outgrown" | "shrunk";
  readonly wanted_bps: number | null;
  readonly by: CameraCode | null;
}
/** One answer to "why is this tile poor". */
export interface Poor {
  readonly code:
    | "stream"
    | "refused"
    | "gave-way"
    | "outgrown"
    | "shrunk"
    | "link-closed"
    | "link-over"
    | "link-full"
    | "camera-slow"
    | "camera-over";
  readonly link: string | null;
  readonly profile: Profile | null;
  readonly text: string;
  readonly said: Words;
}
export interface CameraLinks {
  readonly camera: CameraCode;
  readonly region: RegionCode;
  readonly links: readonly Link[];
  readonly streams: readonly {
    readonly profile: Profile;
    readonly state: string;
    readonly reason: Reason | null;
    readonly bit_rate_bps: number;
    readonly frame_rate: number;
    readonly attempts: number;
    readonly reserved_bps: number | null;
    readonly wanted_bps: number;
  }[];
  readonly notes: readonly LinkNote[];
  readonly findings: readonly Poor[];
}

/** Particulars of a step: addresses and sizes as they are, a sentence of ours with its code, or what others said. */
export interface Particulars {
  readonly detail: string;
  readonly said?: Words;
  /** In a device's, a library's or the system's own words. */
  readonly raw?: true;
}
interface Advice {
  readonly what: string;
  readonly todo: string;
}
export interface Diagnosis {
  readonly camera: CameraCode;
  readonly profile: Profile;
  readonly at: string;
  readonly by: string;
  readonly running: boolean;
  readonly live: boolean;
  readonly steps: readonly ({
    readonly step: string;
    readonly cause: string | null;
    readonly took_ms: number;
  } & Particulars)[];
  readonly order: readonly string[];
  readonly failure:
    | ({
        readonly step: string;
        readonly cause: string;
        readonly zh: Advice;
        readonly en: Advice;
      } & Particulars)
    | null;
}
export interface DiagnosisRound {
  readonly enabled: boolean;
  readonly cameras: number;
  readonly known: number;
  readonly visits: number;
  readonly oldest_s: number | null;
  readonly period_s: number;
  readonly share_bps: number;
  readonly outcomes: Readonly<Record<string, number>>;
}

export interface Status {
  readonly version: string;
  readonly started: string;
  readonly now: string;
  readonly cameras: {
    readonly total: number;
    readonly live: number;
    readonly idle: number;
    readonly offline: number;
    readonly disabled: number;
  };
  readonly viewers: number;
  readonly feeds: number;
  readonly recording: number;
  readonly ingest_bps: number;
  readonly egress_bps: number;
  readonly disk: { readonly used_bytes: number; readonly free_bytes: number };
  readonly cpu_seconds: number;
  readonly memory_bytes: number;
}

export interface AuditEntry {
  readonly sequence: number;
  readonly at: string;
  readonly user: string;
  readonly role?: string | null;
  readonly action: string;
  readonly object?: string | null;
  readonly region?: string | null;
  readonly address?: string | null;
  readonly outcome?: string | null;
  readonly detail?: string | null;
  readonly reason?: string | null;
}

export interface MapConfig {
  readonly center: Place;
  readonly zoom: number;
  readonly approval: string;
  readonly sketch: boolean;
}

export type PlanMode = "off" | "always" | "weekly" | "on-event";
export const PLAN_MODES: readonly PlanMode[] = ["always", "weekly", "on-event", "off"];
export interface PlanWindow {
  /** Bit 0 is Monday, bit 6 Sunday. */
  readonly days: number;
  readonly from_min: number;
  readonly to_min: number;
}
export interface PlanLock {
  readonly before_s: number;
  readonly after_s: number;
  readonly days: number;
  readonly kinds: readonly EventKind[];
}
export interface PlanBody {
  readonly mode: PlanMode;
  readonly windows?: readonly PlanWindow[] | null;
  readonly pre_s?: number | null;
  readonly post_s?: number | null;
  readonly profile?: Profile | null;
  readonly lock?: PlanLock | null;
}
export interface RecordingPlan extends PlanBody {
  readonly of: string;
  readonly kind: "default" | "region" | "camera";
  readonly name: string | null;
}
export interface EffectivePlan extends RecordingPlan {
  readonly camera: CameraCode;
  readonly recorded: boolean;
  readonly keep_days: number;
  readonly floor_days: number;
  readonly kept_days: number;
  readonly oldest: string | null;
}

/** What is kept of a camera, and at which rate it grows. */
export interface Kept {
  readonly camera: CameraCode;
  readonly name: string;
  readonly region: RegionCode;
  readonly site_class: string;
  readonly of: string;
  readonly mode: PlanMode;
  readonly profile: Profile | null;
  readonly recorded: boolean;
  readonly keep_days: number;
  readonly floor_days: number;
  readonly kept_days: number;
  readonly oldest: string | null;
  readonly bytes_per_day: number;
  readonly recorded_ms: number;
  readonly rate_bps: number;
}
export interface Retention {
  readonly region: RegionCode;
  readonly hours: number;
  readonly used_bytes: number;
  readonly room_bytes: number;
  readonly bytes_per_day: number;
  readonly fits_days: number | null;
  readonly cameras: readonly Kept[];
}

export type HoldKind = "legal" | "evidence";
export interface Hold {
  readonly id: number;
  readonly kind: HoldKind;
  /** None: all of them. */
  readonly cameras: readonly CameraCode[];
  readonly from: string;
  readonly to: string;
  readonly by: string;
  readonly reason: string;
  readonly placed: string;
  readonly until: string | null;
  readonly active: boolean;
  readonly released: { readonly at: string; readonly by: string; readonly reason: string } | null;
  readonly extended: readonly {
    readonly at: string;
    readonly by: string;
    readonly reason: string;
    readonly was: string;
  }[];
}
export interface NewHold {
  readonly kind: HoldKind;
  readonly cameras: readonly CameraCode[];
  readonly from: string;
  readonly to: string;
  readonly reason: string;
  readonly until: string | null;
}

export const EVIDENCE_STATES = ["queued", "running", "done", "failed", "cancelled", "expired", "deleted"] as const;
export type EvidenceState = (typeof EVIDENCE_STATES)[number];
export interface EvidenceJob {
  readonly id: string;
  readonly state: EvidenceState;
  readonly cameras: readonly { readonly camera: CameraCode; readonly name: string }[];
  readonly from: string;
  readonly to: string;
  readonly by: string;
  readonly reason: string;
  readonly incident: string | null;
  readonly created: string;
  readonly started: string | null;
  readonly ended: string | null;
  readonly progress: { readonly bytes_done: number; readonly bytes_total: number; readonly share: number };
  readonly package: {
    readonly name: string;
    readonly bytes: number;
    readonly manifest_sha256: string;
    readonly url: string;
    readonly expires: string;
  } | null;
  readonly error: Reason | null;
}
export interface SigningKey {
  readonly algorithm: string;
  readonly key: string;
  readonly fingerprint: string;
}

export interface Missing {
  readonly code: string;
  readonly gaps: number;
  readonly ms: number;
}
export interface CompleteDay {
  readonly start: string;
  readonly planned_ms: number;
  readonly recorded_ms: number;
  readonly share: number | null;
  readonly missing: readonly Missing[];
}
export interface CameraDay extends CompleteDay {
  readonly gaps: readonly Gap[];
}
export interface Completeness {
  readonly region: RegionCode;
  readonly from: string;
  readonly to: string;
  readonly planned_ms: number;
  readonly recorded_ms: number;
  readonly share: number | null;
  readonly cameras: readonly {
    readonly camera: CameraCode;
    readonly name: string;
    readonly region: RegionCode;
    readonly planned_ms: number;
    readonly recorded_ms: number;
    readonly share: number | null;
    readonly missing: readonly Missing[];
    readonly days: readonly CompleteDay[] | null;
  }[];
}

export interface Volume {
  readonly number: number;
  readonly id: string | null;
  readonly path: string;
  readonly takes: boolean;
  readonly state: "in" | "out" | "missing";
  readonly since: string | null;
  readonly reason: Reason | null;
  readonly free_bytes: number;
  readonly total_bytes: number;
  readonly writing: number;
}
/** What is to be free of each disk once the oldest has begun to go. */
export interface FreeTarget {
  readonly bytes: number;
  readonly said: "page" | "configuration";
  readonly configured_bytes: number;
  readonly least_bytes: number;
  readonly most_bytes: number | null;
}
export interface Storage {
  readonly used_bytes: number;
  readonly free_bytes: number;
  readonly keep_free_bytes: number;
  readonly free_target: FreeTarget;
  readonly max_bytes: number | null;
  readonly room: "enough" | "short";
  readonly lacking_bytes: number;
  readonly recorded_cameras: number;
  readonly recording: number;
  readonly holds: number;
  readonly floor_days: readonly { readonly site_class: string; readonly days: number }[];
  readonly evidence: { readonly used_bytes: number; readonly room_bytes: number };
  readonly policy: "spread" | "camera";
  readonly volumes: readonly Volume[];
  readonly rebuilding: { readonly done: number; readonly of: number; readonly segments: number } | null;
}
