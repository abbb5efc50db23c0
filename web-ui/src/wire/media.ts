/**
 * The binary half of the viewer wire, version 1 (docs/reference/wire.md).
 * Knows no DOM and no socket; held to tests/vectors/wire.json together with the Rust side.
 */
import { type FeedId, feedId, type MediaTicks, mediaTicks, type UtcMicros, utcMicros } from "../domain/ids";

export const WIRE_VERSION = 1;
/** Bytes before the payload. */
export const HEADER_BYTES = 32;

export type MediaKind = "initialisation" | "fragment" | "access-unit";
const KINDS: readonly MediaKind[] = ["initialisation", "fragment", "access-unit"];

const FLAG_KEY = 1;
const FLAG_DISCONTINUITY = 2;
const FLAG_LAST = 4;
const FLAGS_KNOWN = FLAG_KEY | FLAG_DISCONTINUITY | FLAG_LAST;

export interface MediaHeader {
  readonly kind: MediaKind;
  readonly key: boolean;
  readonly discontinuity: boolean;
  readonly lastOfGroup: boolean;
  readonly track: 0 | 1;
  readonly feed: FeedId;
  readonly group: number;
  readonly frame: number;
  readonly mediaTime: MediaTicks;
  readonly captureTime: UtcMicros;
}
export interface MediaMessage extends MediaHeader {
  /** A view into the message's own buffer, not a copy. */
  readonly payload: Uint8Array<ArrayBuffer>;
}

export type Decoded =
  | { readonly ok: true; readonly message: MediaMessage }
  | { readonly ok: false; readonly error: string };

/** Reads one binary message. Never throws: what is wrong comes back as words with the value that was found. */
export function decodeMedia(buffer: ArrayBuffer): Decoded {
  if (buffer.byteLength < HEADER_BYTES) return fail(`${buffer.byteLength} bytes, a header has ${HEADER_BYTES}`);
  const view = new DataView(buffer);
  const version = view.getUint8(0);
  if (version !== WIRE_VERSION) return fail(`version ${version}, expected ${WIRE_VERSION}`);
  const kind = KINDS[view.getUint8(1)];
  if (kind === undefined) return fail(`kind ${view.getUint8(1)}, expected 0 to 2`);
  const flags = view.getUint8(2);
  if ((flags & ~FLAGS_KNOWN) !== 0) return fail(`flags ${flags.toString(2)}, bits above 2 must be 0`);
  const track = view.getUint8(3);
  if (track !== 0 && track !== 1) return fail(`track ${track}, expected 0 or 1`);
  const mediaTime = readI64(view, 16);
  if (mediaTime === null) return fail("media time beyond 2^53");
  const captureTime = readI64(view, 24);
  if (captureTime === null) return fail("capture time beyond 2^53");
  return {
    ok: true,
    message: {
      kind,
      key: (flags & FLAG_KEY) !== 0,
      discontinuity: (flags & FLAG_DISCONTINUITY) !== 0,
      lastOfGroup: (flags & FLAG_LAST) !== 0,
      track,
      feed: feedId(view.getUint32(4)),
      group: view.getUint32(8),
      frame: view.getUint32(12),
      mediaTime: mediaTicks(mediaTime),
      captureTime: utcMicros(captureTime),
      payload: new Uint8Array(buffer, HEADER_BYTES),
    },
  };
}

const FTYP = [0x66, 0x74, 0x79, 0x70];

/**
 * Whether a message is of bare access units. The same feed may be opened in one format right after the other, and what was on
 * its way is no use to who waits for the other kind.
 */
export function isBare({ kind, payload }: MediaMessage): boolean {
  return kind === "initialisation" ? !FTYP.every((byte, i) => payload[4 + i] === byte) : kind === "access-unit";
}

/** Writes the 32 bytes of a header. */
export function encodeHeader(header: MediaHeader): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, WIRE_VERSION);
  view.setUint8(1, KINDS.indexOf(header.kind));
  view.setUint8(
    2,
    (header.key ? FLAG_KEY : 0) |
      (header.discontinuity ? FLAG_DISCONTINUITY : 0) |
      (header.lastOfGroup ? FLAG_LAST : 0),
  );
  view.setUint8(3, header.track);
  view.setUint32(4, header.feed);
  view.setUint32(8, header.group);
  view.setUint32(12, header.frame);
  view.setBigInt64(16, BigInt(header.mediaTime));
  view.setBigInt64(24, BigInt(header.captureTime));
  return bytes;
}

/** Two 32-bit halves instead of a BigInt: this runs for every frame of every tile. */
function readI64(view: DataView, at: number): number | null {
  const value = view.getInt32(at) * 2 ** 32 + view.getUint32(at + 4);
  return Number.isSafeInteger(value) ? value : null;
}

const fail = (error: string): Decoded => ({ ok: false, error });
