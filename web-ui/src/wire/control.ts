/** The JSON half of the viewer wire: what a page says and hears. No DOM, no socket. */
import { type CameraCode, type FeedId, feedId, type TileId, tileId, type UtcMicros, utcMicros } from "../domain/ids";
import type { Profile, Reason } from "../domain/types";

export type ClientMessage =
  | {
      readonly type: "open";
      readonly tile: TileId;
      readonly camera: CameraCode;
      readonly profile: Profile;
      readonly format: "fmp4";
      readonly priority: "incident" | "wall" | "viewer";
      readonly audio: boolean;
    }
  | { readonly type: "profile"; readonly tile: TileId; readonly profile: Profile }
  | { readonly type: "pause" | "resume" | "close"; readonly tile: TileId };

export interface TrackInfo {
  readonly track: number;
  readonly kind: "video" | "audio";
  readonly codec: string;
  readonly width: number;
  readonly height: number;
  /** Samples a second and channels, of sound. */
  readonly rate: number;
  readonly channels: number;
}

export type ServerMessage =
  | { readonly type: "hello"; readonly version: number; readonly now: UtcMicros; readonly maxTiles: number }
  | { readonly type: "opening"; readonly tile: TileId; readonly state: "connecting" | "waiting-key-frame" }
  | {
      readonly type: "opened";
      readonly tile: TileId;
      readonly feed: FeedId;
      readonly profile: Profile;
      readonly tracks: readonly TrackInfo[];
    }
  | { readonly type: "refused" | "lost"; readonly tile: TileId; readonly reason: Reason }
  | { readonly type: "skipped"; readonly tile: TileId; readonly frames: number; readonly ms: number }
  | { readonly type: "back" | "paused" | "closed"; readonly tile: TileId }
  | { readonly type: "error"; readonly text: string; readonly tile: TileId | null };

export type ParsedControl =
  | { readonly ok: true; readonly message: ServerMessage }
  | { readonly ok: false; readonly error: string };

/** Reads one text message; an unknown type is an error, an unknown field is passed over (the server may be newer). */
export function parseControl(text: string): ParsedControl {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { ok: false, error: "not JSON" };
  }
  if (!isObject(json)) return { ok: false, error: "not an object" };
  const message = read(json);
  return message
    ? { ok: true, message }
    : { ok: false, error: `type ${String(json.type)}: unknown, or a field is missing` };
}

function read(json: Fields): ServerMessage | null {
  if (json.type === "hello") {
    const now = number(json.now);
    return now === null
      ? null
      : {
          type: "hello",
          version: number(json.version) ?? 1,
          now: utcMicros(now),
          maxTiles: number(json.max_tiles) ?? 16,
        };
  }
  const n = number(json.tile);
  if (json.type === "error")
    return { type: "error", text: String(json.text ?? ""), tile: n === null ? null : tileId(n) };
  if (n === null) return null;
  const tile = tileId(n);
  switch (json.type) {
    case "opening":
      return { type: "opening", tile, state: json.state === "waiting-key-frame" ? "waiting-key-frame" : "connecting" };
    case "opened": {
      const feed = number(json.feed);
      if (feed === null || !Array.isArray(json.tracks)) return null;
      const profile = json.profile === "main" ? "main" : "sub";
      return { type: "opened", tile, feed: feedId(feed), profile, tracks: json.tracks.filter(isObject).map(track) };
    }
    case "refused":
    case "lost":
      return { type: json.type, tile, reason: reason(json.reason) };
    case "skipped":
      return { type: "skipped", tile, frames: number(json.frames) ?? 0, ms: number(json.ms) ?? 0 };
    case "back":
    case "paused":
    case "closed":
      return { type: json.type, tile };
    default:
      return null;
  }
}

type Fields = Record<string, unknown>;
const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const number = (value: unknown): number | null => (typeof value === "number" && Number.isFinite(value) ? value : null);

function reason(value: unknown): Reason {
  return isObject(value)
    ? { code: String(value.code ?? "unknown"), text: String(value.text ?? "") }
    : { code: "unknown", text: "" };
}

function track(json: Fields): TrackInfo {
  return {
    track: number(json.track) ?? 0,
    kind: json.kind === "audio" ? "audio" : "video",
    codec: String(json.codec ?? ""),
    width: number(json.width) ?? 0,
    height: number(json.height) ?? 0,
    rate: number(json.rate) ?? 0,
    channels: number(json.channels) ?? 0,
  };
}
