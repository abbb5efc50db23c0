/** G.711 to samples, and the packet out of its fragment. Pure: tables made once, no DOM. */

export type Law = "alaw" | "ulaw";
export const lawOf = (codec: string): Law | null => (codec === "alaw" || codec === "ulaw" ? codec : null);

const FULL = 32_768;

function aLaw(byte: number): number {
  const value = byte ^ 0x55;
  const segment = (value & 0x70) >> 4;
  const base = ((value & 0x0f) << 4) + (segment === 0 ? 8 : 0x108);
  const size = segment > 1 ? base << (segment - 1) : base;
  return value & 0x80 ? size : -size;
}

function muLaw(byte: number): number {
  const value = ~byte & 0xff;
  const size = ((((value & 0x0f) << 3) + 0x84) << ((value & 0x70) >> 4)) - 0x84;
  return value & 0x80 ? -size : size;
}

const table = (law: (byte: number) => number): Float32Array =>
  Float32Array.from({ length: 256 }, (_, byte) => law(byte) / FULL);
const TABLES: Readonly<Record<Law, Float32Array>> = { alaw: table(aLaw), ulaw: table(muLaw) };

/** One array of samples, -1 to 1, for each channel; a packet's channels are interleaved. */
export function decodeG711(law: Law, bytes: Uint8Array, channels: number): Float32Array<ArrayBuffer>[] {
  const known = TABLES[law];
  const count = Math.floor(bytes.length / channels);
  return Array.from({ length: channels }, (_, channel) => {
    const samples = new Float32Array(count);
    for (let i = 0; i < count; i++) samples[i] = known[bytes[i * channels + channel] as number] as number;
    return samples;
  });
}

const MDAT = 0x6d646174;

/** What stands in the `mdat` of a fragment; `null` where there is none, or where its boxes do not add up. */
export function mdatOf(fragment: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | null {
  const view = new DataView(fragment.buffer, fragment.byteOffset, fragment.byteLength);
  let at = 0;
  while (at + 8 <= fragment.byteLength) {
    const short = view.getUint32(at);
    const long = short === 1;
    if (long && at + 16 > fragment.byteLength) return null;
    const head = long ? 16 : 8;
    const size = long ? view.getUint32(at + 8) * 2 ** 32 + view.getUint32(at + 12) : short;
    const end = short === 0 ? fragment.byteLength : at + size;
    if (end < at + head || end > fragment.byteLength) return null;
    if (view.getUint32(at + 4) === MDAT) return fragment.subarray(at + head, end);
    at = end;
  }
  return null;
}
