/** The wall's layout in the address: `/wall?l=16&c=CODE,,CODE&f=2`. A reload, or a link that was sent, restores it. */
import { type CameraCode, isCameraCode } from "../domain/ids";

export const LAYOUTS = [1, 4, 9, 16, 25] as const;
export type Layout = (typeof LAYOUTS)[number];
export const MOST_TILES = 25 as const;

export interface WallState {
  readonly layout: Layout;
  /** By place; `null` is an empty tile. Never longer than `MOST_TILES`, and a camera stands once. */
  readonly slots: readonly (CameraCode | null)[];
  readonly focus: number | null;
  /** The tile that is kept for alarms; what stands there waits until it is given back. */
  readonly alarm?: number;
}

const tileNumber = (text: string | null): number | null => {
  const n = text === null || text === "" ? Number.NaN : Number(text);
  return Number.isInteger(n) && n >= 0 && n < MOST_TILES ? n : null;
};

export function parseWall(search: URLSearchParams): WallState {
  const asked = Number(search.get("l"));
  const layout = LAYOUTS.find((one) => one === asked) ?? 16;
  const seen = new Set<string>();
  const slots = (search.get("c") ?? "")
    .split(",")
    .slice(0, MOST_TILES)
    .map((text) => {
      if (!isCameraCode(text) || seen.has(text)) return null;
      seen.add(text);
      return text;
    });
  const alarm = tileNumber(search.get("a"));
  return {
    layout,
    slots: trimEnd(slots),
    focus: tileNumber(search.get("f")),
    ...(alarm === null ? {} : { alarm }),
  };
}

export function formatWall(state: WallState): string {
  const slots = trimEnd(state.slots);
  const parts = [`l=${state.layout}`];
  if (slots.length > 0) parts.push(`c=${slots.map((code) => code ?? "").join(",")}`);
  if (state.focus !== null) parts.push(`f=${state.focus}`);
  if (state.alarm !== undefined) parts.push(`a=${state.alarm}`);
  return `/wall?${parts.join("&")}`;
}

/** The smallest layout that holds so many. */
export const layoutFor = (count: number): Layout => LAYOUTS.find((n) => n >= count) ?? MOST_TILES;

/** The wall with a kept layout. */
export function savedUrl(saved: {
  readonly layout: Layout;
  readonly cells: readonly ({ readonly camera: CameraCode } | null)[];
  readonly alarm: number | null;
}): string {
  const slots = saved.cells.map((cell) => cell?.camera ?? null);
  const alarm = saved.alarm === null ? {} : { alarm: saved.alarm };
  return formatWall({ layout: saved.layout, slots, focus: null, ...alarm });
}

/** Keeps a tile for alarms: the focused one, else the last on the screen. Asked again, it is given back. */
export function reserve(state: WallState): WallState {
  if (state.alarm !== undefined) {
    const { alarm: _, ...rest } = state;
    return rest;
  }
  const { first } = visible(state);
  return { ...state, alarm: state.focus ?? first + state.layout - 1, focus: null };
}

/** Puts a camera into a tile; one that stands elsewhere changes places with what was there. */
export function place(state: WallState, code: CameraCode, at: number): WallState {
  if (at < 0 || at >= MOST_TILES || at === state.alarm) return state;
  const slots: (CameraCode | null)[] = Array.from({ length: MOST_TILES }, (_, i) => state.slots[i] ?? null);
  const old = slots.indexOf(code);
  if (old >= 0) slots[old] = slots[at] ?? null;
  slots[at] = code;
  return { ...state, slots: trimEnd(slots) };
}

export function remove(state: WallState, at: number): WallState {
  return { ...state, slots: trimEnd(state.slots.map((code, i) => (i === at ? null : code))) };
}

/** Where a camera goes that was picked without a place: the focused tile, else the first empty one, else the first. */
export function target(state: WallState): number {
  if (state.focus !== null) return state.focus;
  for (let i = 0; i < state.layout; i++) if (!state.slots[i] && i !== state.alarm) return i;
  return state.alarm === 0 ? 1 : 0;
}

export type Direction = "left" | "right" | "up" | "down";

/**
 * The focus one tile on, within the tiles on the screen; the first move focuses the first tile. Left and right go on into
 * the next row, up and down stay in their column; at the ends it stays where it is.
 */
export function moveFocus(state: WallState, to: Direction): WallState {
  const { first } = visible(state);
  if (state.focus === null) return { ...state, focus: first };
  const by = to === "left" || to === "right" ? 1 : Math.sqrt(state.layout);
  const at = state.focus - first + (to === "left" || to === "up" ? -by : by);
  return at < 0 || at >= state.layout ? state : { ...state, focus: first + at };
}

/** The tiles on the screen: the page of the layout that holds the focus. */
export function visible(state: WallState): { first: number; codes: (CameraCode | null)[] } {
  const first = state.focus === null ? 0 : Math.floor(state.focus / state.layout) * state.layout;
  return {
    first,
    codes: Array.from({ length: state.layout }, (_, i) =>
      first + i === state.alarm ? null : (state.slots[first + i] ?? null),
    ),
  };
}

function trimEnd(slots: readonly (CameraCode | null)[]): (CameraCode | null)[] {
  let end = slots.length;
  while (end > 0 && slots[end - 1] === null) end -= 1;
  return slots.slice(0, end);
}
