/** Holds and evidence packages, as the API speaks of them (docs/reference/api.md). */
import type { CameraCode } from "./ids";
import type { Reason } from "./reason";

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
