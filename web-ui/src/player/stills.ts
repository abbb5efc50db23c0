/** Stills of one camera in an `<img>`: one at once, and one a second as the last resort. */
import type { CameraCode } from "../domain/ids";

const EVERY_MS = 1000;
/** On a thin link the next waits for the one that is on its way, this long. */
const PATIENCE_MS = 10_000;

export class Stills {
  readonly element: HTMLImageElement;
  #timer: ReturnType<typeof setInterval> | undefined;
  #askedAt: number | null = null;

  constructor(private readonly camera: CameraCode) {
    this.element = document.createElement("img");
    this.element.alt = "";
    this.element.hidden = true;
    this.element.onload = () => {
      this.element.hidden = false;
      this.#askedAt = null;
    };
    // A camera without a picture yet answers 404: the tile says its state in words, no broken image.
    this.element.onerror = () => {
      this.element.hidden = true;
      this.#askedAt = null;
    };
    this.#load();
  }

  start(): void {
    this.#load();
    this.#timer ??= setInterval(() => this.#load(), EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  close(): void {
    this.stop();
    this.element.onload = null;
    this.element.onerror = null;
    this.element.removeAttribute("src");
  }

  #load(): void {
    const now = performance.now();
    if (this.#askedAt !== null && now - this.#askedAt < PATIENCE_MS) return;
    this.#askedAt = now;
    // The query makes each a new picture; the gateway passes unknown-field checks only for its own, so use `width`.
    const width = 640 + (Math.floor(Date.now() / EVERY_MS) % 16) * 2;
    this.element.src = `/api/v1/cameras/${this.camera}/snapshot.jpg?width=${width}`;
  }
}
