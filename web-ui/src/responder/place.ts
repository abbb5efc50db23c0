/** Where the phone is: once, or shared for a while. */
import { signal } from "@preact/signals";
import { command } from "../api/command";
import type { Place } from "../domain/region";

export const here = signal<Place | null>(null);
/** Until when the place is shared, ms of this clock; `null` where it is not. */
export const sharedUntil = signal<number | null>(null);

/** Nobody needs to know it more often, ms. */
const EVERY_MS = 15_000;
let watch: number | null = null;
let sentAt = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

export function locate(): Promise<Place | null> {
  return new Promise((done) => {
    if (!navigator.geolocation) return done(null);
    navigator.geolocation.getCurrentPosition(
      (found) => {
        here.value = { lon: found.coords.longitude, lat: found.coords.latitude };
        done(here.value);
      },
      () => done(null),
      { enableHighAccuracy: true, timeout: 10_000, maximumAge: 30_000 },
    );
  });
}

/** Shares it from now on; whether the phone gives it at all is known with the first place. */
export function share(minutes: number, failed: () => void): void {
  stopShare();
  if (!navigator.geolocation) return failed();
  const until = Date.now() + minutes * 60_000;
  sharedUntil.value = until;
  sentAt = 0;
  watch = navigator.geolocation.watchPosition(
    (found) => {
      here.value = { lon: found.coords.longitude, lat: found.coords.latitude };
      const now = Date.now();
      if (now - sentAt < EVERY_MS) return;
      sentAt = now;
      const left = Math.max(1, Math.ceil((until - now) / 60_000));
      void command.share(here.value, found.coords.accuracy, left);
    },
    () => {
      void endShare();
      failed();
    },
    { enableHighAccuracy: true },
  );
  timer = setTimeout(() => void endShare(), minutes * 60_000);
}

function stopShare(): void {
  if (watch !== null) navigator.geolocation.clearWatch(watch);
  watch = null;
  clearTimeout(timer);
  sharedUntil.value = null;
}

export async function endShare(): Promise<void> {
  const was = sharedUntil.value !== null;
  stopShare();
  if (was) await command.stopSharing();
}
