/**
 * Plays a camera's recording as a chain of files: each covers some minutes, the next is loaded before it is needed.
 * Gaps are not in the files; the map of pieces gives the wall time of every picture.
 */
import { signal } from "@preact/signals";
import { api, recordingUrl } from "../api/client";
import { serverNow } from "../api/store";
import type { CameraCode } from "../domain/ids";
import { toRfc3339 } from "../domain/ids";
import type { RecordingMap } from "../domain/recording";
import type { SoundState } from "../player/live-view";
import type { PaneView, PlayState } from "./playback";
import { mediaOf, wallOf } from "./timeline-math";

/** A file reaches this far before the moment that was asked for, so that small steps back need no other. */
const BEFORE_MS = 20_000;
const LENGTH_MS = 600_000;
/** The newest seconds are not in a file yet. */
const EDGE_MS = 1500;
/** The next file is loaded when this much is left, seconds of the wall clock at speed one. */
const AHEAD_S = 20;
const MORE_MS = 4000;

interface Part {
  readonly video: HTMLVideoElement;
  readonly pieces: RecordingMap["pieces"];
  readonly from: number;
  readonly to: number;
}

export class WindowPlayer implements PaneView {
  readonly element = document.createElement("div");
  readonly state = signal<PlayState>("empty");
  readonly thinned = signal(false);
  readonly sub = signal(false);
  readonly sound = signal<SoundState>("off");
  /** Wall time of the shown picture, UTC ms. */
  readonly wall = signal<number | null>(null);
  #part: Part | null = null;
  #next: Part | null = null;
  #loadingNext = false;
  #rate = 1;
  #playing = false;
  #run = 0;
  #frame = 0;
  #more: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(private readonly camera: CameraCode) {
    this.element.className = "recorded";
    this.#watch();
  }

  async seek(time: number): Promise<void> {
    const part = this.#part;
    const media = part && time >= part.from - 1 ? mediaOf(part.pieces, time) : null;
    if (part && media !== null) {
      this.wall.value = time;
      part.video.currentTime = media;
      this.state.value = "ready";
      return;
    }
    const run = ++this.#run;
    clearTimeout(this.#more);
    this.wall.value = time;
    this.state.value = "loading";
    this.#dropNext();
    const loaded = await this.#load(time - BEFORE_MS, time + LENGTH_MS);
    if (run !== this.#run || this.#closed) {
      if (loaded) unload(loaded.video);
      return;
    }
    const start = loaded ? mediaOf(loaded.pieces, time) : null;
    if (!loaded || start === null) {
      if (loaded) unload(loaded.video);
      this.#take(null);
      this.state.value = "nothing";
      return;
    }
    loaded.video.currentTime = start;
    this.#take(loaded);
  }

  play(): void {
    this.#playing = true;
    this.#part?.video.play().catch(() => undefined);
  }
  pause(): void {
    this.#playing = false;
    this.#part?.video.pause();
  }
  set rate(rate: number) {
    this.#rate = rate;
    if (this.#part) this.#part.video.playbackRate = rate;
  }
  listen(on: boolean): void {
    this.sound.value = on ? "on" : "off";
    if (this.#part) this.#part.video.muted = !on;
  }
  /** Forward or back by so many seconds of the file (a frame). */
  step(seconds: number): void {
    const video = this.#part?.video;
    if (video) video.currentTime = Math.max(0, video.currentTime + seconds);
  }

  close(): void {
    this.#closed = true;
    this.#run += 1;
    clearTimeout(this.#more);
    cancelAnimationFrame(this.#frame);
    this.#take(null);
    this.#dropNext();
    this.element.remove();
  }

  async #load(from: number, to: number): Promise<Part | null> {
    const end = Math.min(to, serverNow() - EDGE_MS);
    if (end - from < 500) return null;
    const [a, b] = [toRfc3339(from), toRfc3339(end)];
    const map = await api.recordingMap(this.camera, a, b);
    if (!map.ok || map.value.pieces.length === 0) return null;
    const video = document.createElement("video");
    video.muted = true;
    video.playsInline = true;
    video.preload = "auto";
    video.src = recordingUrl(this.camera, a, b);
    return { video, pieces: map.value.pieces, from, to: end };
  }

  #take(part: Part | null): void {
    this.#part = part;
    if (part) {
      const { video } = part;
      video.playbackRate = this.#rate;
      video.muted = this.sound.value === "off";
      video.onended = () => void this.#ended();
      video.onerror = () => {
        this.state.value = video.error?.code === MediaError.MEDIA_ERR_SRC_NOT_SUPPORTED ? "cannot-play" : "nothing";
      };
      video.onloadeddata = () => {
        this.state.value = "ready";
        // The old picture stays until the new one is there; seeks in a row can have left more than one.
        this.#unloadAllBut(video);
      };
      this.element.append(video);
      if (video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) video.onloadeddata(new Event("loadeddata"));
      if (this.#playing) video.play().catch(() => undefined);
    } else this.#unloadAllBut(null);
  }

  #unloadAllBut(kept: HTMLVideoElement | null): void {
    for (const video of this.element.querySelectorAll("video")) if (video !== kept) unload(video);
  }

  #dropNext(): void {
    if (this.#next) unload(this.#next.video);
    this.#next = null;
  }

  async #ended(): Promise<void> {
    const part = this.#part;
    if (!part) return;
    if (this.#next) {
      const next = this.#next;
      this.#next = null;
      const start = mediaOf(next.pieces, part.to);
      if (start) next.video.currentTime = start;
      this.#take(next);
      return;
    }
    // Caught up with the recorder, or nothing more: look again while playing.
    this.state.value = "end";
    clearTimeout(this.#more);
    if (!this.#playing) return;
    const run = this.#run;
    this.#more = setTimeout(async () => {
      const loaded = await this.#load(part.to, part.to + LENGTH_MS);
      if (run !== this.#run || this.#closed) {
        if (loaded) unload(loaded.video);
        return;
      }
      if (loaded) this.#take(loaded);
      else void this.#ended();
    }, MORE_MS);
  }

  /** Follows the shown picture, and loads the next file in time. */
  #watch = (): void => {
    if (this.#closed) return;
    this.#frame = requestAnimationFrame(this.#watch);
    const part = this.#part;
    if (!part || part.video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA || part.video.seeking) return;
    const wall = wallOf(part.pieces, part.video.currentTime);
    if (wall !== null && wall !== this.wall.value) this.wall.value = wall;
    const left = part.video.duration - part.video.currentTime;
    if (this.#playing && !this.#next && !this.#loadingNext && left < AHEAD_S * Math.max(1, this.#rate)) {
      this.#loadingNext = true;
      const run = this.#run;
      void this.#load(part.to, part.to + LENGTH_MS).then((next) => {
        this.#loadingNext = false;
        if (!next) return;
        if (run === this.#run && !this.#closed && this.#part === part && next.to - next.from > 30_000)
          this.#next = next;
        else unload(next.video);
      });
    }
  };
}

function unload(video: HTMLVideoElement): void {
  video.onended = null;
  video.onerror = null;
  video.onloadeddata = null;
  video.pause();
  video.removeAttribute("src");
  video.load();
  video.remove();
}
