/**
 * The sound of one camera, going with its picture: AAC by a media element of its own, G.711 (which no browser takes) decoded
 * here and played by WebAudio. One at a time in a page; `close()` leaves nothing behind.
 */
import type { TrackInfo } from "../wire/control";
import type { MediaMessage } from "../wire/media";
import { decodeG711, type Law, lawOf, mdatOf } from "./g711";
import { canPlay, MsePlayer } from "./mse";
import { PacketClock } from "./sound-clock";

const TICKS_PER_S = 90_000;

export interface Sound {
  push(message: MediaMessage): void;
  close(): void;
}
/** The feed's time, seconds, of the picture on the screen. */
export type Picture = () => number | null;

/** What plays this track, or `null` where this browser cannot. */
export function openSound(track: TrackInfo, picture: Picture, onError: (error: string) => void): Sound | null {
  const law = lawOf(track.codec);
  if (law) return typeof AudioContext === "undefined" ? null : new PacketSound(law, track, picture);
  // An element apart from the picture's: sound that stops must not stop the picture.
  return canPlay(track.codec, true) ? new MsePlayer(track.codec, { onFrame: () => undefined, onError, picture }) : null;
}

class PacketSound implements Sound {
  #context = new AudioContext({ latencyHint: "interactive" });
  #clock = new PacketClock();
  #playing = new Set<AudioBufferSourceNode>();
  #rate: number;
  #channels: number;

  constructor(
    private readonly law: Law,
    track: TrackInfo,
    private readonly picture: Picture,
  ) {
    this.#rate = track.rate || 8000;
    this.#channels = Math.min(2, Math.max(1, track.channels));
    // Made by a key or a press, it runs; otherwise the browser lets it run with the next one.
    void this.#context.resume().catch(() => undefined);
  }

  push(message: MediaMessage): void {
    if (message.track !== 1 || message.kind === "initialisation" || this.#context.state !== "running") return;
    const packet = message.kind === "fragment" ? mdatOf(message.payload) : message.payload;
    if (!packet || packet.length < this.#channels) return;
    const samples = decodeG711(this.law, packet, this.#channels);
    const length = (samples[0]?.length ?? 0) / this.#rate;
    const start = this.#clock.place(message.mediaTime / TICKS_PER_S, length, this.picture(), this.#context.currentTime);
    if (start === null) return;
    const buffer = this.#context.createBuffer(this.#channels, samples[0]?.length ?? 0, this.#rate);
    samples.forEach((channel, i) => buffer.copyToChannel(channel, i));
    const source = this.#context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.#context.destination);
    source.onended = () => {
      this.#playing.delete(source);
      source.disconnect();
    };
    this.#playing.add(source);
    source.start(start);
  }

  close(): void {
    for (const source of this.#playing) {
      source.onended = null;
      source.stop();
      source.disconnect();
    }
    this.#playing.clear();
    void this.#context.close().catch(() => undefined);
  }
}
