/** The tree of regions with its cameras and counts, flattened for a virtual list. */

import type { Camera, CameraState } from "./camera";
import type { CameraCode, RegionCode } from "./ids";
import type { Region } from "./region";

export interface Counts {
  readonly total: number;
  readonly offline: number;
}
export type Row =
  | {
      readonly kind: "region";
      readonly region: Region;
      readonly depth: number;
      readonly open: boolean;
      readonly counts: Counts;
    }
  | { readonly kind: "camera"; readonly camera: Camera; readonly depth: number };

export interface Tree {
  readonly roots: readonly RegionCode[];
  readonly regions: ReadonlyMap<RegionCode, Region>;
  readonly children: ReadonlyMap<RegionCode, readonly RegionCode[]>;
  readonly cameras: ReadonlyMap<RegionCode, readonly Camera[]>;
  readonly counts: ReadonlyMap<RegionCode, Counts>;
}

export function buildTree(regions: readonly Region[], cameras: Iterable<Camera>): Tree {
  const byCode = new Map(regions.map((region) => [region.code, region]));
  const children = new Map<RegionCode, RegionCode[]>();
  const roots: RegionCode[] = [];
  for (const region of [...regions].sort((a, b) => a.code.localeCompare(b.code))) {
    if (region.parent && byCode.has(region.parent)) push(children, region.parent, region.code);
    else roots.push(region.code);
  }
  const held = new Map<RegionCode, Camera[]>();
  const counts = new Map<RegionCode, { total: number; offline: number }>();
  for (const camera of cameras) {
    // A camera of a region that is not listed still shows, at the nearest region above it.
    let at: RegionCode | null = camera.region;
    while (at && !byCode.has(at)) at = at.length > 2 ? (at.slice(0, at.length > 6 ? -3 : -2) as RegionCode) : null;
    const home = at ?? roots[0];
    if (!home) continue;
    push(held, home, camera);
    for (let up: RegionCode | null = home; up; up = byCode.get(up)?.parent ?? null) {
      const count = counts.get(up) ?? { total: 0, offline: 0 };
      count.total += 1;
      if (camera.state === "offline") count.offline += 1;
      counts.set(up, count);
      if (!byCode.has(up)) break;
    }
  }
  for (const list of held.values()) list.sort((a, b) => a.name.localeCompare(b.name, "zh"));
  return { roots, regions: byCode, children, cameras: held, counts };
}

/** Rows that are visible; regions without cameras are left out. */
export function flatten(tree: Tree, open: ReadonlySet<string>, only?: (camera: Camera) => boolean): Row[] {
  const rows: Row[] = [];
  const walk = (code: RegionCode, depth: number): void => {
    const region = tree.regions.get(code);
    const counts = tree.counts.get(code);
    if (!region || !counts) return;
    const at = rows.length;
    const isOpen = only !== undefined || open.has(code);
    rows.push({ kind: "region", region, depth, open: isOpen, counts });
    if (!isOpen) return;
    for (const child of tree.children.get(code) ?? []) walk(child, depth + 1);
    for (const camera of tree.cameras.get(code) ?? []) {
      if (!only || only(camera)) rows.push({ kind: "camera", camera, depth: depth + 1 });
    }
    // A search shows only the regions in which something was found.
    if (only && rows.length === at + 1) rows.pop();
  };
  for (const root of tree.roots) walk(root, 0);
  return rows;
}

const WORST: readonly CameraState[] = ["offline", "connecting", "live", "idle", "disabled"];
/** The worst state among these, which is the one a cluster shows. */
export function worst(states: Iterable<CameraState>): CameraState {
  let at = WORST.length - 1;
  for (const state of states) at = Math.min(at, WORST.indexOf(state));
  return WORST[at] ?? "disabled";
}

/** Cameras in the order of the tree: what a tour and the first wall take. */
export function inOrder(tree: Tree): CameraCode[] {
  return flatten(tree, new Set(tree.regions.keys())).flatMap((row) => (row.kind === "camera" ? [row.camera.code] : []));
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
