/** Server-sent events: state, events and incidents as they happen. */

import type { Camera } from "../domain/camera";
import type { Incident, Position } from "../domain/command";
import type { Notice, SightEvent } from "../domain/event";
import type { Present } from "../wall/shared";
import type { WallMessage } from "../wall/walls";

export interface StreamHandlers {
  readonly hello: (now: string) => void;
  readonly camera: (camera: Camera) => void;
  readonly event: (event: SightEvent) => void;
  readonly incident: (incident: Incident) => void;
  readonly position: (position: Position) => void;
  readonly notice: (notice: Notice) => void;
  /** A shared wall shows something else. */
  readonly wall: (message: WallMessage) => void;
  /** Windows that show one came, went, or show something else. */
  readonly screens: (message: { readonly wall: string; readonly present: readonly Present[] }) => void;
  /** Something was missed: read everything again. */
  readonly resync: () => void;
  readonly connected: (yes: boolean) => void;
}

/** EventSource reconnects by itself except after an HTTP error; this then tries again, ms. */
const AGAIN_MS = 5000;

export class Stream {
  #source: EventSource | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #lost = false;

  constructor(private readonly handlers: StreamHandlers) {
    this.#open();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  #open(): void {
    const source = new EventSource("/api/v1/stream");
    this.#source = source;
    const on = <T>(name: string, handle: (value: T) => void) =>
      source.addEventListener(name, (message: MessageEvent<string>) => {
        try {
          handle(JSON.parse(message.data) as T);
        } catch (error) {
          console.warn(`stream: ${name}: ${String(error)}`);
        }
      });
    on<{ now: string }>("hello", (hello) => this.handlers.hello(hello.now));
    on<Camera>("camera", this.handlers.camera);
    on<SightEvent>("event", this.handlers.event);
    on<Incident>("incident", this.handlers.incident);
    on<Position>("position", this.handlers.position);
    on<Notice>("notice", this.handlers.notice);
    on<WallMessage>("wall", this.handlers.wall);
    on<{ wall: string; present: Present[] }>("screens", this.handlers.screens);
    on("resync", () => this.handlers.resync());
    source.onopen = () => {
      this.handlers.connected(true);
      if (this.#lost) this.handlers.resync();
      this.#lost = false;
    };
    source.onerror = () => {
      this.handlers.connected(false);
      this.#lost = true;
      if (source.readyState !== EventSource.CLOSED) return;
      source.close();
      this.#timer = setTimeout(() => this.#open(), AGAIN_MS);
    };
  }
}
