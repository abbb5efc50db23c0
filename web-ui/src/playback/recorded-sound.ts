/** The sound of one camera's recording, at its own speed and with its picture. Packets come well before they are heard: they wait here. */
import { type Signal, signal } from "@preact/signals";
import type { SoundState } from "../player/live-view";
import type { Picture, Sound } from "../player/sound";
import type { Format, TrackInfo } from "../wire/control";
import type { MediaMessage } from "../wire/media";
import { TICKS_PER_MS } from "./tile-player";

/** Given to what plays it by so much before it is heard, ms: more would go on sounding after a pause. */
const EARLY_MS = 250;
/** Behind the picture by more than this it is not heard any more, ms. */
const LATE_MS = 100;
/** What the gateway sends ahead, and as much again, at 50 packets a second. */
const MOST_WAITING = 400;

/** What plays a track; `null` where this browser cannot. */
export type OpenSound = (
  track: TrackInfo,
  format: Format,
  picture: Picture,
  onError: (error: string) => void,
) => Sound | null;

export class RecordedSound {
  readonly state: Signal<SoundState> = signal("off");
  #track: TrackInfo | null = null;
  #sound: Sound | null = null;
  /** The newest initialisation: what plays it is made anew after every stand. */
  #head: MediaMessage | null = null;
  #waiting: MediaMessage[] = [];
  #shown: number | null = null;

  constructor(
    private readonly format: Format,
    private readonly open: OpenSound,
  ) {}

  get wanted(): boolean {
    return this.state.value !== "off";
  }

  want(on: boolean): void {
    if (on === this.wanted) return;
    this.#forget();
    this.#track = null;
    this.state.value = on ? "opening" : "off";
  }

  /** `audio`: the recording's track, where it has one. `fresh`: what was of before is over. */
  opened(audio: TrackInfo | null, fresh: boolean): void {
    if (!this.wanted) return;
    if (fresh || audio?.codec !== this.#track?.codec) this.#forget();
    this.#track = audio;
    this.state.value = audio ? "on" : "none";
  }

  push(message: MediaMessage): void {
    if (!this.wanted || message.track !== 1) return;
    if (message.kind === "initialisation") {
      this.#head = message;
      this.#sound?.push(message);
      return;
    }
    this.#waiting.push(message);
    if (this.#waiting.length > MOST_WAITING) this.#waiting.shift();
  }

  /** With every turn of the screen. `shown`: the moment on it, UTC ms; `plays`: it goes on at its own speed. */
  turn(shown: number | null, plays: boolean): void {
    this.#shown = shown;
    if (!this.#track || this.state.value !== "on") return;
    if (!plays || shown === null) {
      this.#quiet();
      return;
    }
    for (;;) {
      const next = this.#waiting[0];
      const at = next ? next.mediaTime / TICKS_PER_MS : Number.POSITIVE_INFINITY;
      if (!next || at > shown + EARLY_MS) return;
      this.#waiting.shift();
      if (at < shown - LATE_MS) continue;
      if (!this.#sound && !this.#make()) return;
      this.#sound?.push(next);
    }
  }

  close(): void {
    this.#forget();
    this.#track = null;
    this.state.value = "off";
  }

  #make(): boolean {
    const track = this.#track;
    const picture = () => (this.#shown === null ? null : this.#shown / 1000);
    const sound = track ? this.open(track, this.format, picture, () => this.#fail()) : null;
    if (!sound) {
      this.#fail();
      return false;
    }
    this.#sound = sound;
    if (this.#head) sound.push(this.#head);
    return true;
  }

  #fail(): void {
    this.#forget();
    this.state.value = "unplayable";
  }

  /** What was to be heard is not, and what waits stays. */
  #quiet(): void {
    this.#sound?.close();
    this.#sound = null;
  }

  #forget(): void {
    this.#quiet();
    this.#head = null;
    this.#waiting = [];
  }
}
