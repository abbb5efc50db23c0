/**
 * One tile of the wire in one format, and what plays it: what is shown and, while the stream changes under it, what comes.
 * A live view has one of these, and two while it goes from one format to the other.
 */
import type { TileId } from "../domain/ids";
import type { Format, TrackInfo } from "../wire/control";
import type { MediaMessage } from "../wire/media";
import { CodecPlayer } from "./codec-player";
import type { Opened } from "./handover";
import type { MediaClient, TileRequest, TileSignal } from "./media-client";
import { MsePlayer } from "./mse";
import type { Player, PlayerEvents } from "./player";
import { openSound, type Picture, type Sound } from "./sound";

export interface ChannelEvents {
  /** All that is heard but media. */
  signal(channel: Channel, signal: Exclude<TileSignal, { type: "media" }>): void;
  /** A picture is on the screen; `first`: of a player that was not shown before. */
  frame(channel: Channel, capture: Parameters<PlayerEvents["onFrame"]>[0], first: boolean): void;
  failed(channel: Channel, error: string): void;
}

export class Channel {
  opened: Omit<Opened, "tile"> | null = null;
  bytes = 0;
  #tile: TileId | null = null;
  #shown: Player | null = null;
  #coming: Player | null = null;
  #sound: Sound | null = null;
  /** The newest initialisation of the sound, for one that begins later. */
  #soundHead: MediaMessage | null = null;

  constructor(
    private readonly client: MediaClient,
    private readonly root: HTMLElement,
    private request: TileRequest,
    private readonly events: ChannelEvents,
  ) {
    this.#open();
  }

  get format(): Format {
    return this.request.format ?? "fmp4";
  }
  get shown(): Player | null {
    return this.#shown;
  }
  get video(): TrackInfo | undefined {
    return this.opened?.tracks.find((track) => track.kind === "video");
  }
  get audio(): TrackInfo | undefined {
    return this.opened?.tracks.find((track) => track.kind === "audio");
  }

  /** Asks anew, for something else perhaps; the picture stays meanwhile. */
  reopen(request: TileRequest): void {
    this.closeTile();
    this.request = request;
    this.#open();
  }

  /** The same stream rule for another size, or another rule: the gateway switches, the picture stays until then. */
  change(request: TileRequest): void {
    if (this.#tile === null) return;
    const { profile, size } = request;
    this.request = { ...this.request, profile, size };
    if (size) this.client.size(this.#tile, size);
    this.client.profile(this.#tile, profile);
  }

  pause(): void {
    if (this.#tile !== null) this.client.pause(this.#tile);
  }
  resume(): void {
    if (this.#tile !== null) this.client.resume(this.#tile);
  }

  /** Makes the player for what was opened. It is shown with its first picture: no black between two streams. */
  play(codec: string): void {
    this.#coming?.close();
    this.#coming = null;
    const events: PlayerEvents = {
      onFrame: (capture) => {
        if (made === this.#coming) {
          this.#shown?.close();
          this.#shown = made;
          this.#coming = null;
          this.events.frame(this, capture, true);
        } else if (made === this.#shown) this.events.frame(this, capture, false);
      },
      onError: (error) => {
        if (made === this.#coming) {
          this.#coming = null;
          made.close();
        } else if (made !== this.#shown) return;
        this.events.failed(this, error);
      },
    };
    const made: Player = this.format === "raw" ? new CodecPlayer(codec, events) : new MsePlayer(codec, events);
    this.#coming = made;
    this.root.insertBefore(made.element, this.root.querySelector("video, canvas"));
  }

  /** Lets the sound be heard; `false` where there is none, `null` where it cannot be played here. */
  listen(picture: Picture, onError: (error: string) => void): boolean | null {
    this.quiet();
    const track = this.audio;
    if (!track) return false;
    this.#sound = openSound(track, this.format, picture, onError);
    if (this.#sound && this.#soundHead) this.#sound.push(this.#soundHead);
    return this.#sound ? true : null;
  }
  quiet(): void {
    this.#sound?.close();
    this.#sound = null;
  }

  /** Ends the players; the tile stays open. */
  stop(): void {
    this.quiet();
    this.#shown?.close();
    this.#coming?.close();
    this.#shown = null;
    this.#coming = null;
  }

  /** Ends the tile on the wire; the last picture stays. */
  closeTile(): void {
    if (this.#tile !== null) this.client.close(this.#tile);
    this.#tile = null;
    this.#soundHead = null;
  }

  close(): void {
    this.closeTile();
    this.stop();
  }

  #open(): void {
    this.#tile = this.client.open(this.request, this.#hear);
  }

  #hear = (signal: TileSignal): void => {
    if (signal.type !== "media") {
      if (signal.type === "opened") {
        this.opened = signal;
        this.#soundHead = null;
      }
      this.events.signal(this, signal);
      return;
    }
    const message = signal.message;
    this.bytes += message.payload.byteLength;
    if (message.track === 0) {
      (this.#coming ?? this.#shown)?.push(message);
      return;
    }
    if (message.kind === "initialisation") this.#soundHead = message;
    this.#sound?.push(message);
  };
}
