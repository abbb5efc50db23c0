/** One field for everything on the map: regions, cameras, incidents, people. Pure. */

import type { Camera } from "./camera";
import type { Incident } from "./command";
import type { Person } from "./people";
import type { Region } from "./region";
import type { RegionMark } from "./region-marks";
import { type Initials, matcher } from "./search";

export type Hit =
  | { readonly kind: "region"; readonly region: Region; readonly below: string }
  | { readonly kind: "camera"; readonly camera: Camera }
  | { readonly kind: "incident"; readonly incident: Incident }
  | { readonly kind: "person"; readonly person: Person };
export interface Group {
  readonly kind: Hit["kind"];
  readonly hits: readonly Hit[];
  /** How many there are in all. */
  readonly total: number;
}
export interface Searched {
  readonly regions: readonly Region[];
  readonly cameras: Iterable<Camera>;
  readonly incidents: readonly Incident[];
  readonly people: readonly Person[];
  readonly nameOf: (region: Region | undefined) => string;
}

const PER_GROUP = 8;

/** Better first: the name itself, its beginning, then anything else. */
function rank(name: string, query: string): number {
  const [a, b] = [name.toLowerCase(), query.trim().toLowerCase()];
  if (a === b) return 0;
  return a.startsWith(b) ? 1 : 2;
}

export function searchMap(query: string, all: Searched, initials: Initials | null): Group[] {
  if (!query.trim()) return [];
  const fits = matcher(query, initials);
  const groups: Group[] = [];
  const add = (kind: Hit["kind"], hits: { hit: Hit; name: string }[]) => {
    if (hits.length === 0) return;
    const sorted = hits.map((one, n) => ({ ...one, by: rank(one.name, query) * 1e6 + n })).sort((a, b) => a.by - b.by);
    groups.push({ kind, hits: sorted.slice(0, PER_GROUP).map((one) => one.hit), total: hits.length });
  };
  const byCode = new Map(all.regions.map((region) => [region.code as string, region]));
  add(
    "region",
    all.regions
      .filter((region) => fits(region) || (region.name_en ?? "").toLowerCase().includes(query.trim().toLowerCase()))
      .map((region) => ({
        name: region.name,
        hit: { kind: "region", region, below: all.nameOf(region.parent ? byCode.get(region.parent) : undefined) },
      })),
  );
  const cameras: { hit: Hit; name: string }[] = [];
  for (const camera of all.cameras) {
    if (fits(camera)) cameras.push({ name: camera.name, hit: { kind: "camera", camera } });
  }
  add("camera", cameras);
  add(
    "incident",
    all.incidents
      .filter((incident) => fits({ name: incident.title, code: incident.number }))
      .map((incident) => ({ name: incident.title, hit: { kind: "incident", incident } })),
  );
  add(
    "person",
    all.people
      .filter((person) => fits({ name: person.name, code: person.user }))
      .map((person) => ({ name: person.name, hit: { kind: "person", person } })),
  );
  return groups;
}

/** Where a region is: its own place, or the middle of its cameras. */
export const placeOfRegion = (region: Region, marks: readonly RegionMark[]) =>
  region.place ?? marks.find((mark) => mark.code === region.code)?.place ?? null;
