/** Which way recordings are played by: the wire with the best decoder that this page may use, else files. */
import { cameras, mediaWays } from "../api/store";
import type { CameraCode } from "../domain/ids";
import { playable, whenDecodable } from "../player/codecs";
import { lawOf } from "../player/g711";
import { mediaSourceClass } from "../player/mse";
import { openSound } from "../player/sound";
import type { Gaps } from "../wire/control";
import { ElementPlayer } from "./element-player";
import { FilePlayback } from "./file-playback";
import { FramePlayer } from "./frame-player";
import type { Playback } from "./playback";
import type { OpenSound } from "./recorded-sound";
import { WirePlayback } from "./wire-playback";

/**
 * Opens a playback and keeps one open: where the wire is lost for good, files take its place. `take` gets each, and the moment that
 * it is to be at. The answer ends it.
 */
export function keepPlayback(
  codes: readonly CameraCode[],
  at: number,
  gaps: Gaps,
  take: (playback: Playback, at: number) => void,
): () => void {
  let made: Playback | null = null;
  let closed = false;
  const use = (one: Playback, time: number) => {
    made = one;
    take(one, time);
  };
  const failed = (why: string) => {
    if (closed) return;
    console.warn(`playback: not by the wire: ${why}`);
    const time = made?.at.peek() ?? at;
    made?.close();
    use(openFiles(codes), time);
  };
  void openPlayback(codes, at, gaps, failed).then((one) => {
    // It may have failed before it was there.
    if (closed || made) one.close();
    else use(one, at);
  });
  return () => {
    closed = true;
    made?.close();
  };
}

/** `onFailed`: the wire is not to be had after all. */
async function openPlayback(
  codes: readonly CameraCode[],
  at: number,
  gaps: Gaps,
  onFailed: (why: string) => void,
): Promise<Playback> {
  const bare = await whenDecodable();
  const { webtransport, websocket } = mediaWays();
  const ways = webtransport ? [webtransport, websocket] : [websocket];
  // An element that plays fragments of sound is made for the live edge: G.711 is decoded here, AAC needs WebCodecs.
  const sound: OpenSound = (track, format, picture, onError) =>
    format === "raw" || lawOf(track.codec) ? openSound(track, format, picture, onError) : null;
  const options = { codes, at, gaps, ways, sound, onFailed };
  if (bare.includes("h264")) {
    return new WirePlayback({ ...options, decodes: bare, player: (onError) => new FramePlayer(onError) });
  }
  if (mediaSourceClass()) {
    return new WirePlayback({ ...options, decodes: playable(true), player: (onError) => new ElementPlayer(onError) });
  }
  return openFiles(codes);
}

/** A file that plays holds a connection, and over HTTP/1.1 a browser has six for everything. */
const MOST_FILES = 4;

export function openFiles(codes: readonly CameraCode[]): Playback {
  const [first] = codes;
  const frameRate = () => (first ? (cameras.value.get(first)?.profiles?.main?.frame_rate ?? 25) : 25);
  return new FilePlayback(multiplexed() ? codes : codes.slice(0, MOST_FILES), frameRate);
}

function multiplexed(): boolean {
  const [loaded] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  return loaded?.nextHopProtocol === "h2" || loaded?.nextHopProtocol === "h3";
}
