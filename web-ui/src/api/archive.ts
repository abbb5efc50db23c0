/** The archive's calls of docs/reference/api.md: what was recorded, plans, holds, evidence, completeness, storage. */

import type { EvidenceJob, Hold, NewHold, SigningKey } from "../domain/evidence";
import type { CameraCode } from "../domain/ids";
import type { CameraDay, Completeness, EffectivePlan, PlanBody, RecordingPlan, Recordings } from "../domain/recording";
import type { FreeTarget, Retention, Storage } from "../domain/storage";
import { pathWith, request } from "./http";

export interface NewEvidence {
  readonly cameras: readonly CameraCode[];
  readonly from: string;
  readonly to: string;
  readonly reason: string;
  readonly incident: string | null;
}
export interface NewPlans {
  readonly cameras: readonly CameraCode[];
  readonly plan?: PlanBody;
  readonly clear?: boolean;
  readonly keep_days?: number;
}

export const archive = {
  /** Without `resolutionMs` to the frame, with every event. */
  timeline: (code: CameraCode, from: string, to: string, resolutionMs: number | null, signal?: AbortSignal) =>
    request<Recordings>(`/cameras/${code}/recordings`, {
      query: { from, to, resolution_ms: resolutionMs },
      ...(signal ? { signal } : {}),
    }),

  plans: () => request<RecordingPlan[]>("/recording-plans"),
  planOf: (code: CameraCode) => request<EffectivePlan>(`/cameras/${code}/recording-plan`),
  setPlan: (of: string, plan: PlanBody) =>
    request<RecordingPlan>(`/recording-plans/${of}`, { method: "PUT", body: plan }),
  clearPlan: (of: string) => request<void>(`/recording-plans/${of}`, { method: "DELETE" }),
  setPlans: (wanted: NewPlans) => request<{ cameras: number }>("/recording-plans", { method: "POST", body: wanted }),
  retention: (region: string | null) => request<Retention>("/retention", { query: { region } }),

  holds: (query: { camera?: CameraCode; state?: "active" | "all"; limit?: number } = {}) =>
    request<Hold[]>("/holds", { query }),
  hold: (hold: NewHold) => request<Hold>("/holds", { method: "POST", body: hold }),
  extendHold: (id: number, until: string | null, reason: string) =>
    request<Hold>(`/holds/${id}/extend`, { method: "POST", body: { reason, until } }),
  releaseHold: (id: number, reason: string) =>
    request<Hold>(`/holds/${id}/release`, { method: "POST", body: { reason, confirm: id } }),

  evidence: (limit = 100) => request<EvidenceJob[]>("/evidence", { query: { limit } }),
  evidenceJob: (id: string) => request<EvidenceJob>(`/evidence/${id}`),
  askEvidence: (wanted: NewEvidence) => request<EvidenceJob>("/evidence", { method: "POST", body: wanted }),
  cancelEvidence: (id: string) => request<EvidenceJob>(`/evidence/${id}/cancel`, { method: "POST" }),
  deleteEvidence: (id: string) => request<void>(`/evidence/${id}`, { method: "DELETE" }),
  signingKey: () => request<SigningKey>("/signing-key"),

  completeness: (from: string, to: string, region: string | null) =>
    request<Completeness>("/completeness", { query: { from, to, region, days: 1 } }),
  completenessOf: (code: CameraCode, from: string, to: string) =>
    request<CameraDay[]>(`/cameras/${code}/completeness`, { query: { from, to } }),
  storage: () => request<Storage>("/storage"),
  setFreeTarget: (bytes: number | null) =>
    request<FreeTarget>("/storage/free-target", { method: "PUT", body: { bytes } }),
};

export const thumbnailUrl = (code: CameraCode, at: string, width: number): string =>
  pathWith(`/cameras/${code}/thumbnail.jpg`, { at, width });
