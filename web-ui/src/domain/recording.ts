/** What is recorded, what was planned to be, and what is missing (docs/reference/api.md). */
import type { Profile } from "./camera";
import type { EventKind, SightEvent } from "./event";
import type { CameraCode, EventId, RegionCode } from "./ids";
import type { Reason } from "./reason";

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
