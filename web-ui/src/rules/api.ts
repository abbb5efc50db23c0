/** Rules, as the gateway keeps them. */
import { request } from "../api/http";
import type { EventKind, Grade, Notice } from "../domain/event";

export interface Hours {
  /** Bit 0 is Monday. */
  readonly days: number;
  readonly from_min: number;
  readonly to_min: number;
}
export type Act =
  | "popup"
  | { readonly grade: Grade }
  | { readonly incident: { readonly kind: string } }
  | { readonly notify: string };
export const PERS = ["camera", "region", "all"] as const;
export interface Rule {
  readonly id: string;
  readonly name: string;
  readonly on: boolean;
  readonly kinds: readonly EventKind[];
  readonly region: string;
  readonly cameras: readonly string[];
  readonly at_least: Grade | null;
  readonly hours: readonly Hours[];
  readonly count: number;
  readonly within_s: number;
  readonly per: (typeof PERS)[number];
  readonly quiet_s: number;
  readonly acts: readonly Act[];
}
export interface Trial {
  readonly from: string;
  readonly to: string;
  readonly cut: boolean;
  readonly events: number;
  readonly matched: number;
  readonly fires: number;
  readonly suppressed: number;
  readonly busiest_minute: number;
  readonly days: readonly (readonly [string, number])[];
  readonly fired: readonly {
    readonly at: string;
    readonly event: string;
    readonly camera: string | null;
    readonly region: string | null;
    readonly count: number;
  }[];
}

export const rulesApi = {
  list: () => request<Rule[]>("/rules"),
  put: (rule: Rule) => request<Rule>(`/rules/${rule.id}`, { method: "PUT", body: rule }),
  remove: (id: string) => request<void>(`/rules/${id}`, { method: "DELETE" }),
  switch: (id: string, on: boolean) => request<Rule>(`/rules/${id}/switch`, { method: "POST", body: { on } }),
  trial: (rule: Rule) => request<Trial>("/rules/trial", { method: "POST", body: rule }),
  fired: () => request<Notice[]>("/rules/fired", { query: { limit: 50 } }),
};
