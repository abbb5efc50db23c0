/** What is kept, for how long, and the disks under it (docs/reference/api.md). */
import type { Profile } from "./camera";
import type { CameraCode, RegionCode } from "./ids";
import type { Reason } from "./reason";
import type { PlanMode } from "./recording";

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
