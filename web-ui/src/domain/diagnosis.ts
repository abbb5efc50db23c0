/** What a look at a camera's line found, step by step (docs/reference/api.md). */
import type { Words } from "../i18n/said";
import type { Profile } from "./camera";
import type { CameraCode } from "./ids";

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
