/** The initials of Chinese names. The table of pinyin is 100 kB: fetched when someone first searches. */
import type { Initials } from "../domain/search";

let initials: Initials | null = null;
let loading: Promise<void> | null = null;

/** Once they are there. */
export const knownInitials = (): Initials | null => initials;

export function loadInitials(): Promise<void> {
  loading ??= import("pinyin-pro").then(({ pinyin }) => {
    const known = new Map<string, string>();
    initials = (text) => {
      let found = known.get(text);
      if (found === undefined) {
        found = pinyin(text, { pattern: "first", toneType: "none", type: "array" }).join("").toLowerCase();
        known.set(text, found);
      }
      return found;
    };
  });
  return loading;
}
