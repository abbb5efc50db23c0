/** The gateway itself: its figures, its audit log and its map (docs/reference/api.md). */
import type { Place } from "./region";

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
