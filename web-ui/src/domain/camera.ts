/** Cameras, their streams and zones, as the API speaks of them (docs/reference/api.md). */
import type { CameraCode, RegionCode } from "./ids";
import type { Reason } from "./reason";
import type { Place } from "./region";

export type Profile = "main" | "sub";

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

/** A corner of a zone: shares of the picture's width and height from the upper left. */
export type ZonePoint = readonly [x: number, y: number];
/** A polygon in the picture in which motion counts. */
export interface Zone {
  readonly name: string;
  readonly points: readonly ZonePoint[];
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
