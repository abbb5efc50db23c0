/**
 * Branded types: an id or a figure with a unit cannot be taken for another one.
 * Made only here, at the edge where JSON or the wire is read.
 */
declare const brand: unique symbol;
type Brand<T, B extends string> = T & { readonly [brand]: B };

/** 20-digit camera code (GB/T 28181). */
export type CameraCode = Brand<string, "CameraCode">;
/** 2, 4, 6, 9 or 12 digits (GB/T 2260 and its extension). */
export type RegionCode = Brand<string, "RegionCode">;
export type EventId = Brand<string, "EventId">;
export type IncidentId = Brand<string, "IncidentId">;
/** A tile of this page on the media socket; chosen by us, u32. */
export type TileId = Brand<number, "TileId">;
/** A feed's number, given by the gateway, u32. */
export type FeedId = Brand<number, "FeedId">;
/** UTC, microseconds since 1970. 2^53 us is the year 2255, so a double holds it. */
export type UtcMicros = Brand<number, "UtcMicros">;
/** UTC, milliseconds since 1970. */
export type UtcMillis = Brand<number, "UtcMillis">;
/** 1/90 000 s on a feed's own timeline. */
export type MediaTicks = Brand<number, "MediaTicks">;
/** Seconds on a media element's timeline. */
export type MediaSeconds = Brand<number, "MediaSeconds">;
/** Milliseconds of a monotonic clock (`performance.now()`). */
export type MonoMillis = Brand<number, "MonoMillis">;

export const cameraCode = (text: string) => text as CameraCode;
export const regionCode = (text: string) => text as RegionCode;
export const eventId = (text: string) => text as EventId;
export const incidentId = (text: string) => text as IncidentId;
export const tileId = (n: number) => n as TileId;
export const feedId = (n: number) => n as FeedId;
export const utcMicros = (n: number) => n as UtcMicros;
export const utcMillis = (n: number) => n as UtcMillis;
export const mediaTicks = (n: number) => n as MediaTicks;
export const mediaSeconds = (n: number) => n as MediaSeconds;
export const monoMillis = (n: number) => n as MonoMillis;

/** Whether a text has the shape of a camera code. */
export const isCameraCode = (text: string): text is CameraCode => /^\d{20}$/.test(text);

/** An RFC 3339 time as milliseconds; `null` where it does not parse. */
export function parseTime(text: string | null | undefined): UtcMillis | null {
  if (!text) return null;
  const ms = Date.parse(text);
  return Number.isFinite(ms) ? utcMillis(ms) : null;
}

/** The way times go to the API. */
export const toRfc3339 = (ms: number): string => new Date(ms).toISOString();
