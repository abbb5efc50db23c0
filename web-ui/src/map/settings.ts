/** What somebody chose to see on the map: kept in this browser. */
import type { MapSource } from "./sources";

export const LAYERS = ["cameras", "wedges", "events", "incidents", "people", "outlines", "drawings"] as const;
export type LayerName = (typeof LAYERS)[number];

export interface MapSettings {
  /** A source's id, "sketch", or nothing: what the district opens with. */
  readonly ground: string | null;
  readonly dim: boolean;
  readonly hidden: readonly LayerName[];
}

const STORED = "sightline.map";
const DEFAULT: MapSettings = { ground: null, dim: true, hidden: [] };

/** The source that the map's ground is, the lowest first, with the names over it; none: the sketch. */
export function groundOf(sources: readonly MapSource[], wanted: string | null): readonly MapSource[] {
  if (wanted === "sketch") return [];
  const bases = sources.filter((source) => source.base);
  const ground = bases.find((one) => one.id === wanted) ?? bases.find((one) => one.default);
  if (!ground) return [];
  const names = sources.find((one) => one.id === ground.labels);
  return names ? [ground, names] : [ground];
}

export function readSettings(): MapSettings {
  try {
    const stored = JSON.parse(localStorage.getItem(STORED) ?? "{}") as Partial<MapSettings>;
    const hidden = Array.isArray(stored.hidden) ? LAYERS.filter((layer) => stored.hidden?.includes(layer)) : [];
    return {
      ground: typeof stored.ground === "string" ? stored.ground : DEFAULT.ground,
      dim: typeof stored.dim === "boolean" ? stored.dim : DEFAULT.dim,
      hidden,
    };
  } catch {
    return DEFAULT;
  }
}

export function keepSettings(settings: MapSettings): void {
  try {
    localStorage.setItem(STORED, JSON.stringify(settings));
  } catch {
    // No storage: as long as the page lasts.
  }
}
