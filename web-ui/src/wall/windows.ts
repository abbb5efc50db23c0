/** Windows of their own for screens; on the display that they belong to, where the browser knows displays. */
import { screenUrl } from "./shared";

interface Display {
  readonly isPrimary: boolean;
  readonly availLeft: number;
  readonly availTop: number;
  readonly availWidth: number;
  readonly availHeight: number;
}
interface Displays {
  readonly getScreenDetails?: () => Promise<{ readonly screens: readonly Display[] }>;
}

/** The display of a window: those beside the one that is worked at, in turn. */
export function displayOf<T extends Pick<Display, "isPrimary">>(all: readonly T[], index: number): T | undefined {
  const others = all.filter((one) => !one.isPrimary);
  return others[index % Math.max(1, others.length)];
}

export function openWindow(url: string, name: string, index: number): void {
  const opened = window.open(url, name, "popup,width=1280,height=720");
  const displays = window as Displays;
  if (!opened || !displays.getScreenDetails) return;
  void displays.getScreenDetails().then(
    ({ screens }) => {
      const display = displayOf(screens, index);
      if (!display) return;
      opened.moveTo(display.availLeft, display.availTop);
      opened.resizeTo(display.availWidth, display.availHeight);
    },
    // Not allowed, or there is one display only: it stands where the browser put it.
    () => undefined,
  );
}

export const openScreen = (wall: string, screen: number): void =>
  openWindow(screenUrl(wall, screen), `wall-${wall}-${screen}`, screen - 1);
