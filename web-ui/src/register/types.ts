/** What the register's part of the API speaks of. */
import type { Camera, CameraRecord } from "../domain/camera";
import type { Said } from "../i18n/said";

export const GROUP_KINDS = ["river", "school", "forest-fire", "traffic", "other"] as const;
export type GroupKind = (typeof GROUP_KINDS)[number];
export interface Group {
  readonly id: string;
  readonly name: string;
  readonly kind: GroupKind;
  readonly note: string;
  readonly cameras: readonly string[];
}
export interface Tag {
  readonly tag: string;
  readonly cameras: number;
}
export interface CameraPage {
  readonly total: number;
  readonly cameras: readonly Camera[];
}
/** What is looked for; an empty one finds all. */
export interface Find {
  readonly q: string;
  readonly region: string;
  readonly group: string;
  readonly tag: string;
  readonly state: string;
}

export interface Asset {
  model: string;
  common_name: string;
  ipv4: string | null;
  ipv6: string | null;
  mac: string;
  functions: string[];
  fill_light: string;
  codec: string;
  height_m: number | null;
  location_type: string;
  network: string;
  manager: string;
  contact: string;
  police_unit: string;
  installed_on: string;
  condition: string;
  department: string;
  reference: "wgs84" | "cgcs2000" | "gcj02";
  main_kbps: number | null;
  sub_kbps: number | null;
}
/** A camera's file as it is written; `password` only goes out. */
export interface FileRecord extends Omit<CameraRecord, "revision" | "main_url" | "sub_url" | "username" | "password"> {
  revision: number;
  main_url: string | null;
  sub_url: string | null;
  username: string | null;
  password?: string;
  asset: Asset;
}
export interface StoredRecord extends FileRecord {
  readonly has_password: boolean;
  readonly changed_at: string | null;
  readonly changed_by: string;
}

export interface Difference {
  readonly field: string;
  readonly from: unknown;
  readonly to: unknown;
}
export interface Past {
  readonly revision: number;
  readonly at: string;
  readonly by: string;
  readonly what: "added" | "changed" | "imported" | "moved" | "removed";
  readonly note: string;
  readonly changes: readonly Difference[];
}
/** What a 409 says of two editors. */
export interface Overtaken {
  readonly revision: number;
  readonly by: string | null;
  readonly at: string | null;
  readonly differences: readonly {
    readonly field: string;
    readonly base: unknown;
    readonly theirs: unknown;
    readonly mine: unknown;
  }[];
}

export interface Fault {
  readonly row: number;
  readonly column: string;
  readonly severity: "error" | "warning";
  readonly kind: string;
  /** What exactly is wrong: a code with its values. */
  readonly detail: { readonly code: string; readonly [value: string]: unknown };
  /** The same in English. */
  readonly text: string;
}
export interface ImportOutcome {
  readonly columns: readonly {
    readonly index: number;
    readonly heading: string;
    readonly field: string | null;
    readonly samples: readonly string[];
  }[];
  readonly rows: number;
  readonly added: number;
  readonly changed: number;
  readonly same: number;
  readonly good: boolean;
  readonly committed: boolean;
  readonly faults: readonly Fault[];
  /** What recording would take with these cameras, and what the district's link has for video. */
  readonly recording: { readonly cameras: number; readonly bps: number; readonly budget_bps: number | null };
}

export interface Bulk {
  codes?: readonly string[];
  search?: { q: string; region: string | null; group: string | null; tag: string | null };
  set: Record<string, unknown>;
  add_tags: readonly string[];
  remove_tags: readonly string[];
  revisions?: Record<string, number>;
  commit: boolean;
}
export interface BulkOutcome {
  readonly cameras: number;
  readonly changed: number;
  readonly same: number;
  readonly committed: boolean;
  readonly changes: readonly {
    readonly code: string;
    readonly name: string;
    readonly revision: number;
    readonly changes: readonly Difference[];
  }[];
}

export interface ExplainedCode {
  readonly code: string;
  readonly good: boolean;
  readonly parts: readonly {
    readonly name: "centre" | "industry" | "type" | "network" | "serial";
    readonly digits: string;
    readonly zh: string;
    readonly en: string;
    readonly fault: readonly string[] | null;
  }[];
  readonly fault: readonly string[] | null;
  readonly state: "free" | "taken" | "gone" | null;
  readonly name: string | null;
}

export interface FoundDevice {
  readonly id: string;
  readonly addresses: readonly string[];
  readonly name: string;
  readonly hardware: string;
  readonly location: string;
  readonly known: readonly string[];
}
export interface DeviceReading {
  readonly maker: string;
  readonly model: string;
  readonly firmware: string;
  readonly serial: string;
  readonly mac: string;
  readonly ipv4: string | null;
  readonly ipv6: string | null;
  readonly streams: readonly {
    readonly token: string;
    readonly name: string;
    readonly codec: string;
    readonly width: number | null;
    readonly height: number | null;
    readonly frame_rate: number | null;
    readonly bit_rate_bps: number | null;
    readonly url: string | null;
  }[];
  readonly main_url: string | null;
  readonly sub_url: string | null;
  readonly main_kbps: number | null;
  readonly sub_kbps: number | null;
  readonly clock_offset_ms: number | null;
  readonly authentication: string;
  readonly changes: readonly Difference[];
  readonly notes: readonly Said[];
}
