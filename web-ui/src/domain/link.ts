/** The district's links and what they carry, as the API speaks of them (docs/reference/api.md). */
import type { Words } from "../i18n/said";
import type { Profile } from "./camera";
import type { CameraCode, RegionCode } from "./ids";
import type { Reason } from "./reason";
import type { RegionLevel } from "./region";

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
