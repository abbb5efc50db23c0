/**
 * A camera, live, in an element: a still at once, then MSE, then (where the codec cannot be played) a still a second.
 * Owns its tile on the media socket, its video elements and its timers; `close()` ends them all.
 */
import { signal } from "@preact/signals";
import { type CameraCode, monoMillis, type TileId, type UtcMicros } from "../domain/ids";
import type { Profile, Reason } from "../domain/types";
import type { TrackInfo } from "../wire/control";
import { Backoff } from "./backoff";
import type { ServerClock } from "./clock";
import type { MediaSocket, TileSignal } from "./media-socket";
import { canPlay, MsePlayer } from "./mse";
import { openSound, type Sound } from "./sound";

export type ViewState =
  | { readonly kind: "connecting" }
  | { readonly kind: "waiting-key-frame" }
  | { readonly kind: "live" }
  | { readonly kind: "frozen" }
  | { readonly kind: "paused" }
  | { readonly kind: "reconnecting" }
  | { readonly kind: "lost"; readonly reason: Reason }
  | { readonly kind: "refused"; readonly reason: Reason }
  | { readonly kind: "stills"; readonly why: "codec" | "decoder" | "connection"; readonly codec: string };

/** `off`: not asked for. `none`: the camera sends no sound. `unplayable`: it does, and this browser cannot play it. */
export type SoundState = "off" | "opening" | "on" | "none" | "unplayable";

export interface Figures {
  readonly profile: Profile;
  readonly codec: string;
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  readonly bps: number;
  readonly bufferMs: number;
  readonly dropped: number;
  readonly skippedMs: number;
}

export interface LiveOptions {
  readonly camera: CameraCode;
  readonly profile: Profile;
  readonly priority: "incident" | "wall" | "viewer";
}

/** Stills as the floor: one a second. */
const STILL_MS = 1000;
const STILL_PATIENCE_MS = 10_000;
const FIGURES_MS = 1000;
/** The better way is tried again after this long on stills. */
const BETTER_MS = 120_000;
/** A decoder that gave up this often in a row is left alone for that long. */
const MOST_FAILURES = 3;
/** Without the media connection this long, stills are asked for by plain requests, which may still come through. */
const CUT_MS = 8000;

export class LiveView {
  readonly state = signal<ViewState>({ kind: "connecting" });
  /** Capture to screen, ms; `null` while nothing plays or the clock is not known. */
  readonly delayMs = signal<number | null>(null);
  readonly captured = signal<UtcMicros | null>(null);
  readonly figures = signal<Figures | null>(null);
  /** The codec of the main stream, where this browser cannot play it. */
  readonly mainUnplayable = signal<string | null>(null);
  readonly sound = signal<SoundState>("off");
  /** Holds the still and the videos; the view that shows it puts it into the page. */
  readonly element: HTMLDivElement;

  #tile: TileId;
  #still: HTMLImageElement;
  #shown: MsePlayer | null = null;
  #coming: MsePlayer | null = null;
  #tracks: readonly TrackInfo[] = [];
  #heard: Sound | null = null;
  #cut: ReturnType<typeof setTimeout> | undefined;
  /** What is wanted, and what is sent: a switch can be refused. */
  #profile: Profile;
  #sent: Profile;
  #refused = new Backoff(4000, 60_000);
  #retry: ReturnType<typeof setTimeout> | undefined;
  #stills: ReturnType<typeof setInterval> | undefined;
  #ticker: ReturnType<typeof setInterval>;
  #count = { frames: 0, bytes: 0, skippedMs: 0, at: performance.now(), lastFrameAt: 0 };
  #failures = 0;
  /** When the still was asked for that is on its way, or `null`: on a thin link the next waits for it, for a while. */
  #askedAt: number | null = null;
  #frozen = false;
  #paused = false;
  /** Another tile of the page shows the wanted profile: this one shows the other. */
  #aside = false;
  #closed = false;

  constructor(
    private readonly socket: MediaSocket,
    private readonly clock: ServerClock,
    private readonly options: LiveOptions,
  ) {
    this.#profile = options.profile;
    this.#sent = options.profile;
    this.element = document.createElement("div");
    this.element.className = "live-view";
    this.#still = document.createElement("img");
    this.#still.alt = "";
    this.#still.hidden = true;
    this.#still.onload = () => {
      this.#still.hidden = false;
      this.#askedAt = null;
    };
    // A camera without a picture yet answers 404: the tile says its state in words, no broken image.
    this.#still.onerror = () => {
      this.#still.hidden = true;
      this.#askedAt = null;
    };
    this.element.append(this.#still);
    this.#loadStill();
    this.#tile = socket.open(options, this.#hear);
    this.#ticker = setInterval(this.#measure, FIGURES_MS);
  }

  get video(): HTMLVideoElement | null {
    return this.#shown?.video ?? null;
  }

  setProfile(profile: Profile): void {
    if (this.#profile === profile || this.#closed || this.#aside) return;
    if (profile === "main" && this.mainUnplayable.value !== null) return;
    this.#profile = profile;
    this.socket.profile(this.#tile, profile);
  }

  freeze(on: boolean): void {
    this.#frozen = on;
    this.#shown?.freeze(on);
    if (this.#shown) this.state.value = { kind: on ? "frozen" : "live" };
  }
  get frozen(): boolean {
    return this.#frozen;
  }

  /** Lets the camera be heard, or not. The tile is asked for anew; its picture stays meanwhile. */
  listen(on: boolean): void {
    if (this.#closed || on === (this.sound.value !== "off")) return;
    this.#quiet();
    this.sound.value = on ? "opening" : "off";
    this.#later(0);
  }

  /** Stops the sending while nobody can see it. */
  pause(): void {
    this.#paused = true;
    this.socket.pause(this.#tile);
    this.#endStills();
  }
  resume(): void {
    this.#paused = false;
    if (this.state.value.kind === "stills") this.#startStills();
    this.socket.resume(this.#tile);
  }

  /** The picture on the screen now. */
  snapshot(): Promise<Blob | null> {
    const picture = this.#shown?.video ?? this.#still;
    const width = "videoWidth" in picture ? picture.videoWidth : picture.naturalWidth;
    const height = "videoHeight" in picture ? picture.videoHeight : picture.naturalHeight;
    if (!width || !height) return Promise.resolve(null);
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    canvas.getContext("2d")?.drawImage(picture, 0, 0);
    return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.socket.close(this.#tile);
    clearTimeout(this.#retry);
    clearInterval(this.#ticker);
    this.#endStills();
    clearTimeout(this.#cut);
    this.#stopPlayers();
    this.#still.onload = null;
    this.#still.onerror = null;
    this.#still.removeAttribute("src");
    this.element.remove();
  }

  #hear = (signal: TileSignal): void => {
    if (this.#closed) return;
    switch (signal.type) {
      case "media":
        this.#count.bytes += signal.message.payload.byteLength;
        if (signal.message.track === 1) {
          this.#heard?.push(signal.message);
          return;
        }
        (this.#coming ?? this.#shown)?.push(signal.message);
        return;
      case "opening":
        if (!this.#shown && this.state.value.kind !== "stills") this.state.value = { kind: signal.state };
        return;
      case "opened":
        this.#refused.reset();
        this.#sent = signal.profile;
        this.#opened(signal.tracks);
        return;
      case "refused":
        if (signal.reason.code === "already-open" && !this.#stepAside()) return;
        this.#stopPlayers();
        this.#endStills();
        this.state.value = { kind: "refused", reason: signal.reason };
        this.#later(this.#refused.next());
        return;
      case "lost":
        this.delayMs.value = null;
        this.#endStills();
        this.state.value = { kind: "lost", reason: signal.reason };
        return;
      case "back":
        this.state.value = this.#shown ? { kind: "live" } : { kind: "waiting-key-frame" };
        return;
      case "skipped":
        this.#count.skippedMs += signal.ms;
        return;
      case "paused":
        if (this.state.value.kind !== "stills") this.state.value = { kind: "paused" };
        return;
      case "disconnected":
        this.delayMs.value = null;
        if (this.state.value.kind === "stills") return;
        this.state.value = { kind: "reconnecting" };
        this.#cut ??= setTimeout(() => this.#toStills("connection"), CUT_MS);
        return;
      case "reconnecting":
        clearTimeout(this.#cut);
        this.#cut = undefined;
        if (this.state.value.kind !== "stills") this.state.value = { kind: "connecting" };
        return;
      case "closed":
        return;
    }
  };

  /** A feed is open once a connection; the camera's other profile is free. False when that was asked for. */
  #stepAside(): boolean {
    if (this.#aside) return true;
    this.#aside = true;
    this.#profile = this.#profile === "main" ? "sub" : "main";
    this.#later(0);
    return false;
  }

  #opened(tracks: readonly TrackInfo[]): void {
    const video = tracks.find((track) => track.kind === "video");
    this.#tracks = tracks;
    if (!video) return;
    // Asked for anew, by a reconnect, while nobody can see it.
    if (this.#paused) this.socket.pause(this.#tile);
    if (!canPlay(video.codec) && this.#profile === "main") {
      // Main streams are often H.265: the sub stream is the better of what can be shown.
      this.mainUnplayable.value = video.codec;
      this.setProfile("sub");
      return;
    }
    if (!canPlay(video.codec)) {
      this.#toStills("codec");
      // Asked not to send what cannot be shown.
      this.socket.pause(this.#tile);
      this.#later(BETTER_MS);
      return;
    }
    this.#openSound();
    this.#coming?.close();
    const coming = new MsePlayer(video.codec, {
      onFrame: (capture) => this.#frame(coming, capture),
      onError: (error) => this.#failed(coming, error),
    });
    this.#coming = coming;
    // Under the one that is shown until its first picture is there: no black between two profiles.
    this.element.insertBefore(coming.video, this.#shown?.video ?? null);
    if (!this.#shown && this.state.value.kind !== "stills") this.state.value = { kind: "waiting-key-frame" };
  }

  #openSound(): void {
    if (this.sound.value === "off") return;
    this.#quiet();
    const track = this.#tracks.find((one) => one.kind === "audio");
    if (!track) {
      this.sound.value = "none";
      return;
    }
    this.#heard = openSound(
      track,
      () => this.#shown?.media ?? null,
      (error) => {
        console.warn(`${this.options.camera}: sound: ${error}`);
        this.#quiet();
        this.sound.value = "unplayable";
      },
    );
    this.sound.value = this.#heard ? "on" : "unplayable";
  }

  #quiet(): void {
    this.#heard?.close();
    this.#heard = null;
  }

  /** The last resort, with its reason; something better ends it with its first picture. */
  #toStills(why: "codec" | "decoder" | "connection"): void {
    this.#cut = undefined;
    this.#stopPlayers();
    const codec = this.#tracks.find((one) => one.kind === "video")?.codec ?? "";
    this.state.value = { kind: "stills", why, codec };
    this.#startStills();
  }

  #frame(player: MsePlayer, capture: UtcMicros | null): void {
    if (player === this.#coming) {
      this.#shown?.close();
      this.#shown = player;
      this.#coming = null;
      this.#failures = 0;
      if (this.#frozen) player.freeze(true);
      this.element.dataset.live = "true";
      this.#endStills();
    } else if (player !== this.#shown) return;
    this.#count.frames += 1;
    this.#count.lastFrameAt = performance.now();
    if (this.state.value.kind !== "live" && !this.#frozen && !this.#paused) this.state.value = { kind: "live" };
    if (capture !== null) this.captured.value = capture;
  }

  #failed(player: MsePlayer, error: string): void {
    console.warn(`${this.options.camera}: ${error}`);
    player.close();
    if (player === this.#coming) this.#coming = null;
    if (player === this.#shown) this.#shown = null;
    this.#failures += 1;
    if (this.#failures >= MOST_FAILURES) {
      this.#failures = 0;
      this.#toStills("decoder");
      this.#later(BETTER_MS);
      return;
    }
    delete this.element.dataset.live;
    this.state.value = { kind: "connecting" };
    this.#later(500 * 2 ** this.#failures);
  }

  /** Closes the tile and asks for it anew. */
  #later(ms: number): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      if (this.#closed) return;
      this.socket.close(this.#tile);
      this.#tile = this.socket.open(
        { ...this.options, profile: this.#profile, audio: this.sound.value !== "off" },
        this.#hear,
      );
    }, ms);
  }

  #stopPlayers(): void {
    this.#quiet();
    this.#shown?.close();
    this.#coming?.close();
    this.#shown = null;
    this.#coming = null;
    this.delayMs.value = null;
    delete this.element.dataset.live;
  }

  #startStills(): void {
    this.#loadStill();
    this.#stills ??= setInterval(() => this.#loadStill(), STILL_MS);
  }

  #endStills(): void {
    clearInterval(this.#stills);
    this.#stills = undefined;
  }

  #loadStill(): void {
    const now = performance.now();
    if (this.#askedAt !== null && now - this.#askedAt < STILL_PATIENCE_MS) return;
    this.#askedAt = now;
    // The query makes each a new picture; the gateway passes unknown-field checks only for its own, so use `width`.
    const width = 640 + (Math.floor(Date.now() / STILL_MS) % 16) * 2;
    this.#still.src = `/api/v1/cameras/${this.options.camera}/snapshot.jpg?width=${width}`;
  }

  #measure = (): void => {
    const now = performance.now();
    const seconds = (now - this.#count.at) / 1000;
    const track = this.#tracks.find((one) => one.kind === "video");
    const player = this.#shown;
    const server = this.clock.at(monoMillis(now));
    const capture = this.captured.value;
    const fresh = now - this.#count.lastFrameAt < 1500;
    if (player && server !== null && capture !== null && this.state.value.kind !== "lost") {
      this.delayMs.value = Math.max(0, (server - capture) / 1000 - (fresh ? now - this.#count.lastFrameAt : 0));
    }
    this.figures.value = {
      profile: this.#sent,
      codec: track?.codec ?? "",
      width: player?.video.videoWidth ?? track?.width ?? 0,
      height: player?.video.videoHeight ?? track?.height ?? 0,
      fps: this.#count.frames / seconds,
      bps: (this.#count.bytes * 8) / seconds,
      bufferMs: (player?.behind ?? 0) * 1000,
      dropped: player?.dropped ?? 0,
      skippedMs: this.#count.skippedMs,
    };
    this.#count = { ...this.#count, frames: 0, bytes: 0, at: now };
  };
}
