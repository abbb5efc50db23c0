/**
 * The sound of one camera, going with its picture: AAC of fragments by a media element of its own; bare AAC by WebCodecs and
 * G.711 (which no browser takes) decoded here, both played by WebAudio. One at a time in a page; `close()` leaves nothing behind.
 */
import type { Format, TrackInfo } from "../wire/control";
import { isBare, type MediaMessage } from "../wire/media";
import { decodeG711, type Law, lawOf, mdatOf } from "./g711";
import { canPlay, MsePlayer } from "./mse";
import { PacketClock } from "./sound-clock";

const TICKS_PER_S = 90_000;
const TICKS_PER_US = 0.09;

export interface Sound {
  push(message: MediaMessage): void;
  close(): void;
}
/** The feed's time, seconds, of the picture on the screen. */
export type Picture = () => number | null;

/** What plays this track, or `null` where this browser cannot. */
export function openSound(
  track: TrackInfo,
  format: Format,
  picture: Picture,
  onError: (error: string) => void,
): Sound | null {
  const law = lawOf(track.codec);
  if (law) return typeof AudioContext === "undefined" ? null : new PacketSound(law, track, picture);
  if (format === "raw") {
    const there = typeof AudioContext !== "undefined" && typeof AudioDecoder !== "undefined";
    return there ? new DecodedSound(track, picture, onError) : null;
  }
  // An element apart from the picture's: sound that stops must not stop the picture.
  return canPlay(track.codec, true) ? new MsePlayer(track.codec, { onFrame: () => undefined, onError, picture }) : null;
}

/** Samples on the clock of an audio context, so that they go with the picture. */
class Speaker {
  #context = new AudioContext({ latencyHint: "interactive" });
  #clock = new PacketClock();
  #playing = new Set<AudioBufferSourceNode>();

  constructor(private readonly picture: Picture) {
    // Made by a key or a press, it runs; otherwise the browser lets it run with the next one.
    void this.#context.resume().catch(() => undefined);
  }

  get running(): boolean {
    return this.#context.state === "running";
  }

  /** `media`: the feed's time of the first sample, seconds. */
  play(media: number, rate: number, samples: readonly Float32Array<ArrayBuffer>[]): void {
    const count = samples[0]?.length ?? 0;
    if (count === 0 || !this.running) return;
    const start = this.#clock.place(media, count / rate, this.picture(), this.#context.currentTime);
    if (start === null) return;
    const buffer = this.#context.createBuffer(samples.length, count, rate);
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

class PacketSound implements Sound {
  #speaker: Speaker;
  #rate: number;
  #channels: number;

  constructor(
    private readonly law: Law,
    track: TrackInfo,
    picture: Picture,
  ) {
    this.#rate = track.rate || 8000;
    this.#channels = Math.min(2, Math.max(1, track.channels));
    this.#speaker = new Speaker(picture);
  }

  push(message: MediaMessage): void {
    if (message.track !== 1 || message.kind === "initialisation" || !this.#speaker.running) return;
    const packet = message.kind === "fragment" ? mdatOf(message.payload) : message.payload;
    if (!packet || packet.length < this.#channels) return;
    this.#speaker.play(message.mediaTime / TICKS_PER_S, this.#rate, decodeG711(this.law, packet, this.#channels));
  }

  close(): void {
    this.#speaker.close();
  }
}

/** Bare packets by WebCodecs: the sound of a camera whose pictures are decoded the same way. */
class DecodedSound implements Sound {
  #speaker: Speaker;
  #decoder: AudioDecoder | null;
  #configured = false;

  constructor(
    private readonly track: TrackInfo,
    picture: Picture,
    private readonly onError: (error: string) => void,
  ) {
    this.#speaker = new Speaker(picture);
    this.#decoder = new AudioDecoder({ output: this.#hear, error: (error) => this.#fail(String(error)) });
  }

  push(message: MediaMessage): void {
    const decoder = this.#decoder;
    if (!decoder || message.track !== 1 || !isBare(message)) return;
    try {
      if (message.kind === "initialisation") {
        // Over WebTransport every group brings its own: the same again would only cut the sound.
        if (this.#configured) return;
        decoder.configure({
          codec: this.track.codec,
          sampleRate: this.track.rate,
          numberOfChannels: this.track.channels,
          ...(message.payload.byteLength > 0 ? { description: message.payload } : {}),
        });
        this.#configured = true;
      } else if (this.#configured && this.#speaker.running) {
        const timestamp = Math.round(message.mediaTime / TICKS_PER_US);
        decoder.decode(new EncodedAudioChunk({ type: "key", timestamp, data: message.payload }));
      }
    } catch (error) {
      this.#fail(String(error));
    }
  }

  close(): void {
    this.#end();
    this.#speaker.close();
  }

  #hear = (data: AudioData): void => {
    if (this.#decoder) {
      const samples = Array.from({ length: Math.min(2, data.numberOfChannels) }, (_, planeIndex) => {
        const channel = new Float32Array(data.numberOfFrames);
        data.copyTo(channel, { planeIndex, format: "f32-planar" });
        return channel;
      });
      this.#speaker.play(data.timestamp / 1e6, data.sampleRate, samples);
    }
    data.close();
  };

  #fail(error: string): void {
    if (!this.#decoder) return;
    this.#end();
    this.onError(error);
  }

  #end(): void {
    const decoder = this.#decoder;
    this.#decoder = null;
    if (decoder && decoder.state !== "closed") decoder.close();
  }
}
