/** Which way recordings are played by: the wire with the best decoder that this page may use, else files. */
import { cameras, mediaWays } from "../api/store";
import type { CameraCode } from "../domain/ids";
import { playable, whenDecodable } from "../player/codecs";
import { mediaSourceClass } from "../player/mse";
import { ElementPlayer } from "./element-player";
import { FilePlayback } from "./file-playback";
import { FramePlayer } from "./frame-player";
import type { Playback } from "./playback";
import { WirePlayback } from "./wire-playback";

/** `onFailed`: the wire is not to be had after all. */
export async function openPlayback(
  codes: readonly CameraCode[],
  at: number,
  onFailed: (why: string) => void,
): Promise<Playback> {
  const bare = await whenDecodable();
  const { webtransport, websocket } = mediaWays();
  const ways = webtransport ? [webtransport, websocket] : [websocket];
  const options = { codes, at, ways, onFailed };
  if (bare.includes("h264")) {
    return new WirePlayback({ ...options, decodes: bare, player: (onError) => new FramePlayer(onError) });
  }
  if (mediaSourceClass()) {
    return new WirePlayback({ ...options, decodes: playable(false), player: (onError) => new ElementPlayer(onError) });
  }
  return openFiles(codes);
}

export const openFiles = (codes: readonly CameraCode[]): Playback =>
  new FilePlayback(codes, () => (codes[0] ? (cameras.value.get(codes[0])?.profiles?.main?.frame_rate ?? 25) : 25));
