/** The JSON half of the viewer wire: what a page says and hears. No DOM, no socket. */

import type { Profile } from "../domain/camera";
import { type CameraCode, type FeedId, feedId, type TileId, tileId, type UtcMicros, utcMicros } from "../domain/ids";
import type { Reason } from "../domain/reason";
import type { Words } from "../i18n/said";

/** What a viewer can say that it decodes. */
export type Codec = "h264" | "h265" | "aac" | "opus" | "g711";
/** fMP4 fragments for MSE, or bare access units for WebCodecs. */
export type Format = "fmp4" | "raw";
/** `auto`: the gateway goes by the tile's size and by what the line carries. */
export type Choice = Profile | "auto";
/** Why it is this stream, if it is not what was asked for or might be. */
export type Chosen = "size" | "capacity" | "codec";
/** Device pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}
/** Bounds of a tile's sides on the wire. */
export const TILE_PIXELS = { least: 1, most: 16_384 } as const;

export type ClientMessage =
  | {
      readonly type: "open";
      readonly tile: TileId;
      readonly camera: CameraCode;
      readonly profile: Choice;
      readonly width?: number;
      readonly height?: number;
      readonly decodes?: readonly Codec[];
      readonly format: Format;
      readonly priority: "incident" | "wall" | "viewer";
      readonly audio: boolean;
    }
  | { readonly type: "profile"; readonly tile: TileId; readonly profile: Choice }
  | ({ readonly type: "size"; readonly tile: TileId } & Size)
  | { readonly type: "pause" | "resume" | "close"; readonly tile: TileId }
  | { readonly type: "delay"; readonly max_ms: number }
  | { readonly type: "measure"; readonly every_ms: number }
  | ({ readonly type: "clock"; readonly clock: number; readonly run: number } & ClockSetting)
  | ({ readonly type: "replay"; readonly tile: TileId; readonly clock: number } & ReplayRequest)
  | { readonly type: "reached"; readonly clock: number; readonly run: number; readonly at: UtcMicros }
  | {
      readonly type: "step";
      readonly clock: number;
      readonly run: number;
      readonly tile: TileId;
      readonly frames: number;
    };

/** What a clock of recorded tiles does where none of them has a recording. */
export type Gaps = "skip" | "wait";
/** What is left out stays as it is. */
export interface ClockSetting {
  readonly at?: UtcMicros;
  /** 0.25 to 16, with a minus backwards; 0 stands still. */
  readonly rate?: number;
  readonly gaps?: Gaps;
  readonly until?: UtcMicros;
}
export interface ReplayRequest {
  readonly camera: CameraCode;
  readonly profile?: Profile;
  readonly decodes?: readonly Codec[];
  readonly format: Format;
  readonly audio: boolean;
  readonly reason?: string;
}
/** From this rate on, and backwards, key frames only come. */
export const KEYS_FROM = 4;

/** What the gateway measured of this connection. */
export interface Measured {
  readonly rateBps: number;
  /** How old the oldest frame is that the transport has not taken, ms. */
  readonly delayMs: number;
  readonly roundTripMs: number | null;
  /** A tile shows less than it would on a better line. */
  readonly congested: boolean;
}

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

/** A clock as the gateway has it. */
export interface ClockSet {
  readonly type: "clock";
  readonly clock: number;
  readonly run: number;
  readonly at: UtcMicros;
  readonly rate: number;
  readonly keys: boolean;
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
      readonly auto: Chosen | null;
      readonly transcoded: boolean;
    }
  | { readonly type: "measured"; readonly measured: Measured }
  | { readonly type: "refused" | "lost"; readonly tile: TileId; readonly reason: Reason }
  | { readonly type: "skipped"; readonly tile: TileId; readonly frames: number; readonly ms: number }
  | { readonly type: "back" | "paused" | "closed"; readonly tile: TileId }
  | { readonly type: "finished"; readonly tile: TileId; readonly frames: number }
  | ClockSet
  | {
      readonly type: "gap";
      readonly tile: TileId;
      readonly from: UtcMicros;
      readonly to: UtcMicros | null;
      readonly reason: Reason;
      readonly frames: number;
    }
  | { readonly type: "thinned"; readonly tile: TileId; readonly keys: boolean }
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
  if (json.type === "measured") {
    return {
      type: "measured",
      measured: {
        rateBps: number(json.rate_bps) ?? 0,
        delayMs: number(json.delay_ms) ?? 0,
        roundTripMs: number(json.rtt_ms),
        congested: json.congested === true,
      },
    };
  }
  if (json.type === "clock") {
    const [clock, run, at] = [number(json.clock), number(json.run), number(json.at)];
    return clock === null || run === null || at === null
      ? null
      : { type: "clock", clock, run, at: utcMicros(at), rate: number(json.rate) ?? 0, keys: json.keys === true };
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
      return {
        type: "opened",
        tile,
        feed: feedId(feed),
        profile,
        tracks: json.tracks.filter(isObject).map(track),
        auto: CHOSEN.find((one) => one === json.auto) ?? null,
        transcoded: json.transcoded === true,
      };
    }
    case "refused":
    case "lost":
      return { type: json.type, tile, reason: reason(json.reason) };
    case "skipped":
      return { type: "skipped", tile, frames: number(json.frames) ?? 0, ms: number(json.ms) ?? 0 };
    case "gap": {
      const [from, to] = [number(json.from), number(json.to)];
      if (from === null) return null;
      return {
        type: "gap",
        tile,
        from: utcMicros(from),
        to: to === null ? null : utcMicros(to),
        reason: reason(json.reason),
        frames: number(json.frames) ?? 0,
      };
    }
    case "thinned":
      return { type: "thinned", tile, keys: json.keys === true };
    case "finished":
      return { type: "finished", tile, frames: number(json.frames) ?? 0 };
    case "back":
    case "paused":
    case "closed":
      return { type: json.type, tile };
    default:
      return null;
  }
}

const CHOSEN: readonly Chosen[] = ["size", "capacity", "codec"];

type Fields = Record<string, unknown>;
const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const number = (value: unknown): number | null => (typeof value === "number" && Number.isFinite(value) ? value : null);

function reason(value: unknown): Reason {
  return isObject(value)
    ? {
        code: String(value.code ?? "unknown"),
        text: String(value.text ?? ""),
        ...(isObject(value.said) ? { said: wordsIn(value.said) } : {}),
      }
    : { code: "unknown", text: "" };
}

const wordsIn = (said: Fields): Words => ({
  ...Object.fromEntries(Object.entries(said).map(([name, value]) => [name, String(value)])),
  code: String(said.code ?? ""),
});

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
