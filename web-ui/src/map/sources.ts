/** Where the map's ground comes from, as the API speaks of it. */
import { pathWith, request } from "../api/http";

export const MAP_GRIDS = ["EPSG:3857", "EPSG:4490", "GCJ-02"] as const;
export type MapGrid = (typeof MAP_GRIDS)[number];

/** What whoever looks at the map is told of a source, and an administrator writes. */
interface About {
  readonly id: string;
  readonly name: string;
  readonly name_en: string;
  readonly grid: MapGrid;
  readonly min_zoom: number;
  readonly max_zoom: number;
  /** Drawn over it: its names. */
  readonly labels: string | null;
  readonly base: boolean;
  readonly default: boolean;
  readonly attribution: string;
  readonly approval: string;
}
export interface MapSource extends About {
  /** Changes with what its tiles depend on. */
  readonly version: string;
  readonly said: "page" | "configuration";
  readonly fault: { readonly code: string; readonly text: string; readonly at: string } | null;
  /** For administrators. */
  readonly definition: Definition | null;
}
interface Definition {
  readonly kind: "xyz" | "wmts";
  readonly url: string;
  readonly subdomains: readonly string[];
  readonly layer: string;
  readonly style: string;
  readonly matrix_set: string;
  readonly matrix_prefix: string;
  readonly format: string;
  readonly referer: string;
  readonly has_token: boolean;
}

/** What an administrator writes; a token that is left out stays as it is. */
export interface NewMapSource extends About, Omit<Definition, "has_token"> {
  readonly token?: string;
}

export interface SourceTest {
  /** A name by which its tiles can be had for a quarter of an hour. */
  readonly draft: string;
  readonly z: number;
  readonly x: number;
  readonly y: number;
  readonly url: string;
  readonly took_ms: number;
  readonly media_type: string | null;
  readonly bytes: number | null;
  readonly fault: { readonly code: string; readonly text: string } | null;
}

export interface OutlinePut {
  readonly region: string;
  readonly points: number;
  readonly area_m2: number;
  readonly cameras: number;
  readonly cameras_outside: number;
  readonly outside: readonly string[];
  readonly holds_centre: boolean | null;
}

export const OUTLINES_URL = pathWith("/map/outlines.geojson");
/** With `{z}`, `{x}` and `{y}` to be filled in. */
export const tileUrl = (source: string, version: string): string =>
  `/api/v1/map/tiles/${source}/{z}/{x}/{y}?v=${encodeURIComponent(version)}`;

/** A file of 4 MiB over a thin line. */
const UPLOAD_MS = 120_000;

export const mapApi = {
  sources: () => request<MapSource[]>("/map/sources"),
  test: (source: NewMapSource, z: number | null) =>
    request<SourceTest>("/map/sources/test", { method: "POST", query: { z }, body: source, timeoutMs: 70_000 }),
  put: (source: NewMapSource) => request<MapSource>(`/map/sources/${source.id}`, { method: "PUT", body: source }),
  remove: (id: string) => request<void>(`/map/sources/${id}`, { method: "DELETE" }),
  putOutline: (region: string, file: Blob, reference: string) =>
    request<OutlinePut>(`/regions/${region}/outline`, {
      method: "PUT",
      query: { reference },
      raw: file,
      timeoutMs: UPLOAD_MS,
    }),
  removeOutline: (region: string) => request<void>(`/regions/${region}/outline`, { method: "DELETE" }),
};
