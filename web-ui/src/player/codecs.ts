/** What this browser can decode, in the wire's words. */
import type { Codec, Format } from "../wire/control";
import { canPlay } from "./mse";

/** One of each family that any camera's stream of it is as easy as. */
const PICTURES = { h264: "avc1.4d0028", h265: "hvc1.1.6.L120.B0" } as const;
const SOUNDS = { aac: "mp4a.40.2", opus: "opus" } as const;

/** By MSE. G.711 is in no browser's; this page decodes it itself, where `g711` says that nothing better is to be had. */
export function playable(g711: boolean): Codec[] {
  return [
    ...keys(PICTURES).filter((codec) => canPlay(PICTURES[codec])),
    ...keys(SOUNDS).filter((codec) => canPlay(SOUNDS[codec], true)),
    ...(g711 ? (["g711"] as const) : []),
  ];
}

let asked: Promise<readonly Codec[]> | null = null;
let known: readonly Codec[] = [];

/** Bare, by WebCodecs; empty where there is none, or before it was found out. Asks with the first call. */
export function decodable(): readonly Codec[] {
  if (!asked) {
    asked = ask();
    void asked.then((codecs) => {
      known = codecs;
    });
  }
  return known;
}
/** The same, once it is known. */
export function whenDecodable(): Promise<readonly Codec[]> {
  decodable();
  return asked ?? Promise.resolve([]);
}
/** For tests: forgets what was found out. */
export function forgetDecodable(): void {
  asked = null;
  known = [];
}

async function ask(): Promise<readonly Codec[]> {
  if (typeof VideoDecoder === "undefined" || typeof EncodedVideoChunk === "undefined") return [];
  const codecs: Codec[] = [];
  for (const codec of keys(PICTURES)) {
    const answer = await VideoDecoder.isConfigSupported({ codec: PICTURES[codec] }).catch(() => null);
    if (answer?.supported) codecs.push(codec);
  }
  if (codecs.length === 0) return [];
  if (typeof AudioDecoder !== "undefined") {
    const config = { codec: SOUNDS.aac, sampleRate: 16_000, numberOfChannels: 1 };
    const answer = await AudioDecoder.isConfigSupported(config).catch(() => null);
    if (answer?.supported) codecs.push("aac");
  }
  return [...codecs, "g711"];
}

/** Whether WebCodecs are there for pictures. */
export const canDecode = (): boolean => decodable().includes("h264");

export const decodesFor = (format: Format, g711: boolean): readonly Codec[] =>
  format === "raw" ? decodable() : playable(g711);

const keys = <T extends object>(value: T): (keyof T)[] => Object.keys(value) as (keyof T)[];
