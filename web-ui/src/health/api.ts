/** What the supervision speaks of; the shapes of docs/reference/api.md. */
import { pathWith, request } from "../api/http";
import type { CameraCode, RegionCode } from "../domain/ids";

export const RATES = ["online", "recording", "retention", "clock", "quality", "file"] as const;
export type RateName = (typeof RATES)[number];
export type RateState = "met" | "short" | "alarm";
export interface Rate {
  readonly part: number;
  readonly whole: number;
  readonly share: number | null;
  readonly state: RateState | null;
}
export interface Cause {
  readonly code: string;
  readonly seconds: number;
}
export interface Line {
  readonly key: string;
  readonly name: string;
  readonly name_en: string;
  readonly period: string;
  readonly cameras: number;
  readonly rates: Readonly<Record<RateName, Rate>>;
  readonly causes: readonly Cause[];
}
export const BYS = ["town", "village", "department", "maker", "camera"] as const;
export type By = (typeof BYS)[number] | "all" | "district";
export const PERIODS = ["all", "day", "week", "month"] as const;
export type Period = (typeof PERIODS)[number];
export interface Supervision {
  readonly from: string;
  readonly to: string;
  readonly region: RegionCode;
  readonly by: By;
  readonly period: Period;
  readonly days: number;
  readonly provisional: boolean;
  readonly revised: number;
  readonly judged_by: {
    readonly formula: number;
    readonly clock_ms: number;
    readonly fault_s: number;
    readonly known_for_s: number;
  };
  readonly thresholds: Readonly<Record<RateName, { readonly target: number; readonly alarm: number }>>;
  readonly total: Line;
  readonly lines: readonly Line[];
}
export interface Question {
  from: string;
  to: string;
  region?: string;
  /** "1": a town's own cameras, without those of its villages. */
  own?: string;
  by: By;
  period: Period;
  maker?: string;
  department?: string;
}
export const STRIP_STATES = ["live", "down", "unknown", "out", "unwatched", "outage"] as const;
export type StripState = (typeof STRIP_STATES)[number];
export interface Stretch {
  readonly from: string;
  readonly to: string;
  readonly state: StripState;
  readonly code: string | null;
  readonly presumed: boolean;
}
export interface CameraDay {
  readonly day: string;
  readonly judged: boolean;
  readonly revision: number;
  readonly why: string | null;
  readonly expected_s: number;
  readonly online_s: number;
  readonly planned_s: number;
  readonly recorded_s: number;
  readonly outage_s: number;
  readonly fault_s: number;
  readonly clock_ms: number | null;
  readonly oldest_days: number | null;
  readonly required_days: number | null;
  readonly missing_fields: number;
  readonly clock: boolean | null;
  readonly quality: boolean | null;
  readonly retention: boolean | null;
  readonly file: boolean | null;
  readonly causes: readonly Cause[];
}
export interface CameraHistory {
  readonly camera: CameraCode;
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly days: readonly CameraDay[];
  readonly strip: readonly Stretch[];
  readonly faults: readonly { readonly from: string; readonly to: string | null; readonly kind: string }[];
  readonly clock: readonly { readonly at: string; readonly offset_ms: number }[];
}
export interface Outage {
  readonly id: number;
  readonly cameras: readonly CameraCode[];
  readonly region: RegionCode;
  readonly from: string;
  readonly to: string;
  readonly reason: string;
  readonly by: string;
  readonly withdrawn: { readonly by: string; readonly at: string; readonly reason: string } | null;
}
export interface NewOutage {
  region?: string;
  cameras?: readonly string[];
  from: string;
  to: string;
  reason: string;
}

export const supervisionApi = {
  figures: (question: Question, signal?: AbortSignal) =>
    request<Supervision>("/supervision", { query: { ...question }, ...(signal ? { signal } : {}) }),
  history: (code: string, from: string, to: string) =>
    request<CameraHistory>(`/cameras/${code}/supervision`, { query: { from, to } }),
  outages: () => request<Outage[]>("/outages", { query: { limit: 200 } }),
  approve: (outage: NewOutage) => request<Outage>("/outages", { method: "POST", body: outage }),
  withdraw: (id: number, reason: string) =>
    request<Outage>(`/outages/${id}/withdraw`, { method: "POST", body: { reason } }),
};
export const sheetUrl = (question: Question, language: string): string =>
  pathWith("/supervision/export.csv", { ...question, language });
export const reportUrl = (question: Question, language: string): string =>
  pathWith("/supervision/report.html", { ...question, language });
