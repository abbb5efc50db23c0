/** What a playback shows, in the address: it can be shared, and a reload restores it. */
import { type CameraCode, toRfc3339 } from "../domain/ids";
import { t } from "../i18n/t";
import { navigate } from "../ui/router";
import { toast } from "../ui/widgets";

/** On one clock. */
export const MOST_CAMERAS = 9;

export function urlOf(codes: readonly CameraCode[], time: number | null): string {
  const at = time === null ? "" : `&t=${toRfc3339(time)}`;
  return codes.length > 0 ? `/playback?c=${codes.join(",")}${at}` : "/playback";
}

export async function share(path: string): Promise<void> {
  navigate(path, "replace");
  await copyLink(path);
}

/** The clipboard is withheld on plain HTTP: there it is shown, to be copied by hand. */
export async function copyLink(path: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(location.origin + path);
    toast(t("playback.copied"));
  } catch {
    prompt(t("playback.share"), location.origin + path);
  }
}
