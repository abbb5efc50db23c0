/** The canvas that a camera's pictures are drawn on, and copies of pictures in its size: no more pixels than it shows. */
import { type Kept, PictureRing } from "./picture-ring";

/** A picture's size where it is shown in so much room, in the screen's own pixels. */
export function fit(
  width: number,
  height: number,
  room: { clientWidth: number; clientHeight: number },
): [number, number] {
  const pixels = devicePixelRatio || 1;
  const [across, down] = [room.clientWidth * pixels, room.clientHeight * pixels];
  const scale = across > 0 && down > 0 ? Math.min(1, across / width, down / height) : 1;
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
}

/** What the copies of one camera may take, bytes: nine pictures of a third of a 1080p screen are 7.5 MB. */
const RING_BYTES = 16 * 1024 * 1024;
/** However large they are: one on the screen, one behind it, one before. */
const LEAST = 3;
const MOST = 9;

/** Pictures that take longer to draw than this on average, ms, are drawn without the graphics processor, which there is none of. */
const SLOW_MS = 8;
const ENOUGH = 8;

/**
 * Where pictures are drawn: by the graphics processor, which is next to nothing where there is one. Where it is only played by the
 * processor one of 1080p took 40 ms, and 12 without it.
 */
const speed = { pictures: 0, ms: 0, plain: false };

/** A canvas that pictures are drawn on in their turn. */
export class Surface {
  readonly canvas = document.createElement("canvas");
  readonly #plain = speed.plain;
  #context = this.canvas.getContext("2d", { alpha: false, willReadFrequently: this.#plain });

  /** Another one is quicker: it was found out since. */
  get isSlow(): boolean {
    return this.#plain !== speed.plain;
  }

  resize(width: number, height: number): void {
    const { canvas } = this;
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  }

  /** Draws a picture that was just decoded. */
  draw(picture: CanvasImageSource, width: number, height: number): void {
    this.resize(width, height);
    const start = performance.now();
    this.#context?.drawImage(picture, 0, 0, width, height);
    speed.ms += performance.now() - start;
    speed.pictures += 1;
    if (speed.pictures < ENOUGH) return;
    speed.plain ||= speed.ms / speed.pictures > SLOW_MS;
    [speed.pictures, speed.ms] = [0, 0];
  }

  /** The memory goes now, and not with the garbage. */
  close(): void {
    this.#context = null;
    this.resize(0, 0);
    this.canvas.remove();
  }
}

export class Screen {
  readonly element = document.createElement("canvas");
  #context = this.element.getContext("2d", { alpha: false });
  #ring = new PictureRing<Surface>();
  /** Time of the picture that is drawn, UTC ms. */
  shown: number | null = null;
  /** That of one that was drawn since all began anew. */
  passed: number | null = null;
  /** Between the two pictures that were copied last, ms. */
  gap = 0;

  #room = new ResizeObserver(() => {
    this.outgrown = true;
  });
  /** Its room is another one since the last copy was made. */
  outgrown = false;

  constructor() {
    this.element.setAttribute("role", "presentation");
    this.#room.observe(this.element);
  }

  /** Time of the newest copy. */
  get last(): number | null {
    return this.#ring.last;
  }
  has(time: number): boolean {
    return this.#ring.has(time);
  }
  near(at: number, most: number): number {
    return this.#ring.near(at, most);
  }
  pick(at: number): Kept<Surface> | null {
    return this.#ring.pick(at);
  }

  /** Copies what an element shows. False where that is nothing. */
  take(video: HTMLVideoElement, time: number): boolean {
    const { videoWidth, videoHeight } = video;
    if (videoWidth === 0 || video.readyState < 2) return false;
    const [width, height] = fit(videoWidth, videoHeight, this.element);
    const most = Math.min(MOST, Math.max(LEAST, Math.floor(RING_BYTES / (width * height * 4))));
    this.outgrown = false;
    const before = this.#ring.last;
    if (before !== null && time > before) this.gap = time - before;
    this.#ring.put(time, this.passed, most, (old) => {
      if (old?.isSlow) old.close();
      const copy = !old || old.isSlow ? new Surface() : old;
      copy.draw(video, width, height);
      return copy;
    });
    return true;
  }

  /** Whether it is what is drawn already. */
  isDrawn({ time, picture }: Kept<Surface>): boolean {
    return time === this.shown && picture.canvas.width === this.element.width;
  }

  draw({ time, picture }: Kept<Surface>): void {
    const { element } = this;
    const { width, height } = picture.canvas;
    if (element.width !== width || element.height !== height) [element.width, element.height] = [width, height];
    this.#context?.drawImage(picture.canvas, 0, 0);
    this.shown = time;
    this.passed = time;
    element.dataset.at = time.toFixed(2);
  }

  /** What is drawn stays; the copies are of before. */
  anew(): void {
    this.passed = null;
    this.outgrown = false;
    this.gap = 0;
    for (const copy of this.#ring.clear()) copy.close();
  }

  close(): void {
    this.#room.disconnect();
    this.anew();
    this.#context = null;
    // The picture's memory goes now, and not with the garbage.
    [this.element.width, this.element.height] = [0, 0];
    this.element.remove();
  }
}
