/**
 * A camera, live, in an element: a still at once, then pictures, then (where nothing else is to be had) a still a second.
 * The pictures come by MSE; those of the tile that is looked at by WebCodecs, where WebTransport carries them. Owns its tiles on
 * the wire, its players and its timers; `close()` ends them all.
 */
import { effect, signal, untracked } from "@preact/signals";
import type { Profile } from "../domain/camera";
import { type CameraCode, monoMillis, type UtcMicros } from "../domain/ids";
import type { Reason } from "../domain/reason";
import type { Choice, Chosen, Format, Size } from "../wire/control";
import { Backoff } from "./backoff";
import { Channel, type ChannelEvents } from "./channel";
import type { ServerClock } from "./clock";
import { canDecode, decodesFor } from "./codecs";
import type { MediaClient, TileRequest } from "./media-client";
import { canPlay } from "./mse";
import { Stills } from "./stills";

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
  readonly format: Format;
  /** Why it is not the better way of playing, in the browser's words; empty while it is, or was not tried. */
  readonly why: string;
}

/** `auto`: as large as the tile. `main`: the one that is looked at, as large as the line carries. `sub`: never more. */
export type Wish = Choice;

export interface LiveOptions {
  readonly camera: CameraCode;
  readonly profile: Wish;
  readonly priority: "incident" | "wall" | "viewer";
  readonly size?: Size | undefined;
}

/** What `main` asks for, whatever the tile's size. */
const LARGE: Size = { width: 3840, height: 2160 };
const FIGURES_MS = 1000;
/** The better way is tried again after this long on a poorer one. */
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
  /** Why it is this stream, and whether the gateway re-encodes it. */
  readonly chosen = signal<{ readonly auto: Chosen | null; readonly transcoded: boolean }>(AS_ASKED);
  readonly sound = signal<SoundState>("off");
  /** In which format the picture that is shown came; `null` without one. */
  readonly player = signal<Format | null>(null);
  /** Holds the still and the pictures; the view that shows it puts it into the page. */
  readonly element: HTMLDivElement;

  #stills: Stills;
  #channel: Channel;
  /** Of the other format, until it has a picture. */
  #beside: Channel | null = null;
  #cut: ReturnType<typeof setTimeout> | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #ticker: ReturnType<typeof setInterval>;
  #unwatch: () => void;
  #wish: Wish;
  #size: Size | undefined;
  #refused = new Backoff(4000, 60_000);
  #count = { frames: 0, bytes: 0, skippedMs: 0, at: performance.now(), lastFrameAt: 0 };
  #failures = 0;
  /** When WebCodecs failed here, and how. */
  #codecs = { until: 0, why: "" };
  #frozen = false;
  #paused = false;
  /** Another tile of the page shows the wanted stream: this one shows the other. */
  #aside: Profile | null = null;
  /** No sound but G.711 is to be had: this page decodes it itself. */
  #g711 = false;
  #closed = false;

  constructor(
    private readonly client: MediaClient,
    private readonly clock: ServerClock,
    private readonly options: LiveOptions,
  ) {
    this.#wish = options.profile;
    this.#size = options.size;
    this.element = document.createElement("div");
    this.element.className = "live-view";
    this.#stills = new Stills(options.camera);
    this.element.append(this.#stills.element);
    this.#channel = this.#make(this.#format());
    this.#ticker = setInterval(this.#measure, FIGURES_MS);
    this.#unwatch = effect(() => {
      void client.kind.value;
      untracked(() => this.#choose());
    });
  }

  get video(): HTMLVideoElement | HTMLCanvasElement | null {
    return this.#channel.shown?.element ?? null;
  }

  wish(wish: Wish): void {
    if (this.#wish === wish || this.#closed) return;
    this.#wish = wish;
    this.#aside = null;
    this.#choose();
  }

  /** The tile's size on the screen, device pixels. */
  resize(size: Size): void {
    if (this.#closed || (this.#size?.width === size.width && this.#size.height === size.height)) return;
    this.#size = size;
    this.#choose();
  }

  freeze(on: boolean): void {
    this.#frozen = on;
    this.#channel.shown?.freeze(on);
    if (this.#channel.shown) this.state.value = { kind: on ? "frozen" : "live" };
  }
  get frozen(): boolean {
    return this.#frozen;
  }

  /** Lets the camera be heard, or not. The tile is asked for anew; its picture stays meanwhile. */
  listen(on: boolean): void {
    if (this.#closed || on === (this.sound.value !== "off")) return;
    this.#channel.quiet();
    this.#g711 = false;
    this.sound.value = on ? "opening" : "off";
    this.#dropBeside();
    this.#later(0);
  }

  /** Stops the sending while nobody can see it. */
  pause(): void {
    this.#paused = true;
    this.#dropBeside();
    this.#channel.pause();
    this.#stills.stop();
  }
  resume(): void {
    this.#paused = false;
    if (this.state.value.kind === "stills") this.#stills.start();
    this.#channel.resume();
    this.#choose();
  }

  /** The picture on the screen now. */
  snapshot(): Promise<Blob | null> {
    const shown = this.#channel.shown;
    const still = this.#stills.element;
    const width = shown ? shown.width : still.naturalWidth;
    const height = shown ? shown.height : still.naturalHeight;
    if (!width || !height) return Promise.resolve(null);
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    canvas.getContext("2d")?.drawImage(shown?.element ?? still, 0, 0);
    return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#unwatch();
    clearTimeout(this.#retry);
    clearTimeout(this.#cut);
    clearInterval(this.#ticker);
    this.#beside?.close();
    this.#channel.close();
    this.#stills.close();
    this.element.remove();
  }

  #request(format: Format): TileRequest {
    const { camera, priority } = this.options;
    const profile = this.#aside ?? (this.#wish === "sub" ? "sub" : "auto");
    return {
      camera,
      priority,
      profile,
      format,
      size: this.#wish === "main" ? LARGE : this.#size,
      decodes: decodesFor(format, this.#g711),
      audio: this.sound.value !== "off",
    };
  }

  #make(format: Format): Channel {
    return new Channel(this.client, this.element, this.#request(format), this.#events);
  }

  /** WebCodecs for the one that is looked at, where a lost packet does not hold up the rest; MSE for all else. */
  #format(): Format {
    const looked = this.#wish === "main" && this.client.kind.value === "webtransport";
    return looked && canDecode() && performance.now() >= this.#codecs.until ? "raw" : "fmp4";
  }

  /** Goes over to what is wanted now: within the channel, or by another one beside it. */
  #choose(): void {
    if (this.#closed || this.#paused) return;
    const format = this.#format();
    if (format === this.#channel.format) {
      this.#dropBeside();
      this.#channel.change(this.#request(format));
    } else if (!this.#channel.shown) this.#channel.reopen(this.#request(format));
    else if (this.#beside) this.#beside.change(this.#request(format));
    // Without a connection there is nothing to be beside of; `kind` tells when there is one.
    else if (this.client.kind.value !== null) this.#beside = this.#make(format);
  }

  #dropBeside(): void {
    this.#beside?.close();
    this.#beside = null;
  }

  #events: ChannelEvents = {
    signal: (channel, signal) => {
      if (this.#closed) return;
      if (channel === this.#beside) this.#hearBeside(channel, signal);
      else if (channel === this.#channel) this.#hear(signal);
    },
    frame: (channel, capture, first) => this.#frame(channel, capture, first),
    failed: (channel, error) => this.#failed(channel, error),
  };

  #hearBeside(channel: Channel, signal: Parameters<ChannelEvents["signal"]>[1]): void {
    if (signal.type === "opened") {
      const video = channel.video;
      if (video) channel.play(video.codec);
    } else if (signal.type === "refused") {
      // The same stream in two formats is not to be had: the one that is shown lets go of it, its picture stays.
      if (signal.reason.code === "already-open" && this.#channel.opened) {
        this.#channel.closeTile();
        this.#channel.opened = null;
        channel.reopen(this.#request(channel.format));
        return;
      }
      this.#giveUpBeside(channel, signal.reason.text || signal.reason.code);
    }
  }

  #giveUpBeside(channel: Channel, why: string): void {
    if (channel.format === "raw") this.#codecs = { until: performance.now() + BETTER_MS, why };
    const alone = this.#channel.opened === null;
    this.#dropBeside();
    if (alone || channel.format === "fmp4") this.#later(500);
  }

  #hear(signal: Parameters<ChannelEvents["signal"]>[1]): void {
    const stills = this.state.value.kind === "stills";
    switch (signal.type) {
      case "opening":
        if (!this.#channel.shown && !stills) this.state.value = { kind: signal.state };
        return;
      case "opened":
        this.#refused.reset();
        this.#opened();
        return;
      case "refused":
        if (signal.reason.code === "already-open" && !this.#stepAside()) return;
        this.#channel.closeTile();
        if (signal.reason.code === "codec") {
          this.#toStills("codec", this.#channel.video?.codec ?? "");
          this.#later(BETTER_MS);
          return;
        }
        this.#stop();
        this.#stills.stop();
        this.state.value = { kind: "refused", reason: signal.reason };
        this.#later(this.#refused.next());
        return;
      case "lost":
        this.delayMs.value = null;
        this.#stills.stop();
        this.state.value = { kind: "lost", reason: signal.reason };
        return;
      case "back":
        this.state.value = this.#channel.shown ? { kind: "live" } : { kind: "waiting-key-frame" };
        return;
      case "skipped":
        this.#count.skippedMs += signal.ms;
        return;
      case "paused":
        if (!stills) this.state.value = { kind: "paused" };
        return;
      case "disconnected":
        this.delayMs.value = null;
        this.#dropBeside();
        if (stills) return;
        this.state.value = { kind: "reconnecting" };
        this.#cut ??= setTimeout(() => this.#toStills("connection", ""), CUT_MS);
        return;
      case "reconnecting":
        clearTimeout(this.#cut);
        this.#cut = undefined;
        if (!stills && !this.#channel.shown) this.state.value = { kind: "connecting" };
        return;
      case "closed":
        return;
    }
  }

  /** A feed is open once a connection; the camera's other stream is free. False when that was asked for. */
  #stepAside(): boolean {
    if (this.#aside) return true;
    this.#aside = this.#wish === "main" ? "sub" : "main";
    this.#later(0);
    return false;
  }

  #opened(): void {
    const channel = this.#channel;
    const video = channel.video;
    if (!video) return;
    this.chosen.value = { auto: channel.opened?.auto ?? null, transcoded: channel.opened?.transcoded ?? false };
    // Asked for anew, by a reconnect, while nobody can see it.
    if (this.#paused) channel.pause();
    if (channel.format === "fmp4" && !canPlay(video.codec)) {
      // The family can be played and this kind of it not: the sub stream is the plainer of the two.
      if (channel.opened?.profile === "main" && this.#aside === null) {
        this.#aside = "sub";
        channel.change(this.#request("fmp4"));
        return;
      }
      this.#toStills("codec", video.codec);
      // Asked not to send what cannot be shown.
      channel.pause();
      this.#later(BETTER_MS);
      return;
    }
    if (this.sound.value !== "off" && !this.#listen()) return;
    channel.play(video.codec);
    if (!channel.shown && this.state.value.kind !== "stills") this.state.value = { kind: "waiting-key-frame" };
  }

  /** False: the tile is asked for anew, for a sound that this page decodes itself. */
  #listen(): boolean {
    const heard = this.#channel.listen(
      () => this.#channel.shown?.media ?? null,
      (error) => {
        console.warn(`${this.options.camera}: sound: ${error}`);
        this.#channel.quiet();
        this.sound.value = "unplayable";
      },
    );
    if (heard === false && !this.#g711) {
      this.#g711 = true;
      this.#later(0);
      return false;
    }
    this.sound.value = heard === null ? "unplayable" : heard ? "on" : "none";
    return true;
  }

  /** The last resort, with its reason; something better ends it with its first picture. */
  #toStills(why: "codec" | "decoder" | "connection", codec: string): void {
    this.#cut = undefined;
    this.#stop();
    this.state.value = { kind: "stills", why, codec };
    if (!this.#paused) this.#stills.start();
  }

  #frame(channel: Channel, capture: UtcMicros | null, first: boolean): void {
    if (channel === this.#beside) {
      this.#channel.close();
      this.#channel = channel;
      this.#beside = null;
      this.#count.bytes = channel.bytes;
      if (channel.format === "raw") this.#codecs = { until: 0, why: "" };
      this.chosen.value = { auto: channel.opened?.auto ?? null, transcoded: channel.opened?.transcoded ?? false };
      if (this.sound.value !== "off") this.#listen();
    } else if (channel !== this.#channel) return;
    if (first) {
      if (channel.format === "fmp4") this.#failures = 0;
      if (this.#frozen) channel.shown?.freeze(true);
      this.element.dataset.live = "true";
      this.player.value = channel.format;
      this.#stills.stop();
    }
    this.#count.frames += 1;
    this.#count.lastFrameAt = performance.now();
    if (this.state.value.kind !== "live" && !this.#frozen && !this.#paused) this.state.value = { kind: "live" };
    if (capture !== null) this.captured.value = capture;
  }

  #failed(channel: Channel, error: string): void {
    console.warn(`${this.options.camera}: ${channel.format}: ${error}`);
    if (channel === this.#beside) {
      this.#giveUpBeside(channel, error);
      return;
    }
    if (channel !== this.#channel) return;
    if (channel.format === "raw") {
      // The last picture stays until MSE has one.
      this.#codecs = { until: performance.now() + BETTER_MS, why: error };
      this.#choose();
      return;
    }
    channel.stop();
    this.#failures += 1;
    if (this.#failures >= MOST_FAILURES) {
      this.#failures = 0;
      this.#toStills("decoder", channel.video?.codec ?? "");
      this.#later(BETTER_MS);
      return;
    }
    delete this.element.dataset.live;
    this.player.value = null;
    this.state.value = { kind: "connecting" };
    this.#later(500 * 2 ** this.#failures);
  }

  /** Asks for the tile anew. */
  #later(ms: number): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      if (!this.#closed) this.#channel.reopen(this.#request(this.#channel.format));
    }, ms);
  }

  #stop(): void {
    this.#dropBeside();
    this.#channel.stop();
    this.delayMs.value = null;
    this.chosen.value = AS_ASKED;
    delete this.element.dataset.live;
    this.player.value = null;
  }

  #measure = (): void => {
    const now = performance.now();
    const seconds = (now - this.#count.at) / 1000;
    const channel = this.#channel;
    const player = channel.shown;
    const server = this.clock.at(monoMillis(now));
    const capture = this.captured.value;
    const fresh = now - this.#count.lastFrameAt < 1500;
    if (player && server !== null && capture !== null && this.state.value.kind !== "lost") {
      this.delayMs.value = Math.max(0, (server - capture) / 1000 - (fresh ? now - this.#count.lastFrameAt : 0));
    }
    this.figures.value = {
      profile: channel.opened?.profile ?? "sub",
      codec: channel.video?.codec ?? "",
      width: player?.width || (channel.video?.width ?? 0),
      height: player?.height || (channel.video?.height ?? 0),
      fps: this.#count.frames / seconds,
      bps: ((channel.bytes - this.#count.bytes) * 8) / seconds,
      bufferMs: (player?.behind ?? 0) * 1000,
      dropped: player?.dropped ?? 0,
      skippedMs: this.#count.skippedMs,
      format: channel.format,
      why: this.#codecs.why,
    };
    this.#count = { ...this.#count, frames: 0, bytes: channel.bytes, at: now };
    // What was found out late, or failed and whose time is over.
    if (this.#format() !== channel.format && !this.#beside && this.state.value.kind === "live") this.#choose();
  };
}

const AS_ASKED = { auto: null, transcoded: false } as const;
