/** Sparing the network: what is chosen, or what the browser says of it. And photos made small for it. */
import { signal } from "@preact/signals";

const STORED = "sightline.saver";
interface Line {
  readonly saveData?: boolean;
  readonly effectiveType?: string;
}

function first(): boolean {
  try {
    const stored = localStorage.getItem(STORED);
    if (stored) return stored === "on";
  } catch {
    // Storage may be forbidden; the browser's own word counts then.
  }
  const line = (navigator as { connection?: Line }).connection;
  return line?.saveData === true || /2g|3g/.test(line?.effectiveType ?? "");
}

export const saver = signal(first());

export function setSaver(on: boolean): void {
  saver.value = on;
  try {
    localStorage.setItem(STORED, on ? "on" : "off");
  } catch {
    // The choice then lasts as long as the page.
  }
}

/** Longest edge of a photo that is made small, pixels; its text can still be read. */
const SMALL_PX = 1600;

/**
 * A photo as it goes out: as it is, or smaller where the network is to be spared or the gateway would not take it. What the phone
 * wrote into it (place, time) goes only with the whole one; the place that was added by hand goes along anyway.
 */
export async function outgoing(file: File, most: number): Promise<Blob | null> {
  const photo = /^image\/(jpeg|png)$/.test(file.type);
  if (photo && !saver.value && file.size <= most) return file;
  try {
    const picture = await createImageBitmap(file);
    const scale = Math.min(1, SMALL_PX / Math.max(picture.width, picture.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(picture.width * scale));
    canvas.height = Math.max(1, Math.round(picture.height * scale));
    canvas.getContext("2d")?.drawImage(picture, 0, 0, canvas.width, canvas.height);
    picture.close();
    const small = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/jpeg", 0.8));
    return small && small.size <= most ? small : null;
  } catch {
    // No photo that this browser can show.
    return null;
  }
}
