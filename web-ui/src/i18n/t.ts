/** The page's own `t()`: typed keys, two languages, `{name}` placeholders. */
import { signal } from "@preact/signals";
import { MESSAGES, type MessageKey } from "./messages";

export type Language = "zh" | "en";
const STORED = "sightline.language";

export function pickLanguage(stored: string | null, preferred: string | undefined): Language {
  if (stored === "zh" || stored === "en") return stored;
  return preferred?.toLowerCase().startsWith("zh") || !preferred ? "zh" : "en";
}

export const language = signal<Language>(pickLanguage(readStored(), globalThis.navigator?.language));

export function setLanguage(to: Language): void {
  language.value = to;
  document.documentElement.lang = to === "zh" ? "zh-CN" : "en";
  try {
    localStorage.setItem(STORED, to);
  } catch {
    // Storage may be forbidden; the choice then lasts as long as the page.
  }
}

type Names<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never;
type Values<Key extends MessageKey> = Names<(typeof MESSAGES)[Key][0]>;
/** Keys whose text has no placeholder. */
export type PlainKey = { [Key in MessageKey]: [Values<Key>] extends [never] ? Key : never }[MessageKey];
type Arguments<Key extends MessageKey> = [Values<Key>] extends [never]
  ? []
  : [values: Record<Values<Key>, string | number>];

export function t<Key extends MessageKey>(key: Key, ...values: Arguments<Key>): string {
  // What comes later may not be there yet.
  const entry: readonly [string, string] | undefined = MESSAGES[key];
  const text = entry?.[language.value === "zh" ? 0 : 1] ?? "";
  return fill(text, values[0] as Record<string, string | number> | undefined);
}

/** For keys made of a code that came from the gateway: unknown ones give `null`. */
export function tCode(prefix: string, code: string, values?: Readonly<Record<string, string | number>>): string | null {
  const entry = (MESSAGES as Record<string, readonly [string, string]>)[`${prefix}.${code}`];
  return entry ? fill(entry[language.value === "zh" ? 0 : 1], values) : null;
}

function fill(text: string, values: Readonly<Record<string, string | number>> | undefined): string {
  return values ? text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole)) : text;
}

function readStored(): string | null {
  try {
    return globalThis.localStorage?.getItem(STORED) ?? null;
  } catch {
    return null;
  }
}
