/** Regions and places, as the API speaks of them (docs/reference/api.md). */
import type { RegionCode } from "./ids";

export interface Place {
  readonly lon: number;
  readonly lat: number;
}

export type RegionLevel = "province" | "city" | "district" | "town" | "village";
export interface Region {
  readonly code: RegionCode;
  readonly name: string;
  readonly name_en?: string | null;
  readonly parent: RegionCode | null;
  readonly level: RegionLevel;
  readonly place?: Place | null;
  /** Rises with every change of it. */
  readonly revision?: number;
  /** In it and below. */
  readonly cameras?: number;
}
