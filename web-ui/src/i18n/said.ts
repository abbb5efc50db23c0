/** What the gateway says, in the reader's language: from its code and values, never from its English. */
import type { Problem } from "../api/http";
import { language, t, tCode } from "./t";

/** A code with its values, flat beside it. */
export interface Words {
  readonly code: string;
  readonly [name: string]: string;
}
/** A sentence as the gateway gives it: in English, and as a code. */
export interface Said {
  readonly text: string;
  readonly said: Words;
}

/** `null`: this page does not know the code. */
export function wordsOf(said: Words | null | undefined): string | null {
  if (!said) return null;
  const values: Record<string, string> = {};
  for (const [name, value] of Object.entries(said)) values[name] = VALUES[name]?.(String(value)) ?? String(value);
  return tCode("said", said.code, values);
}

/** A gateway of tomorrow may say what this page has no words for: then its English, and to who reads Chinese nothing. */
export const saidWords = (one: Said): string => wordsOf(one.said) ?? (language.value === "en" ? one.text : "");

/** What went wrong with a request, without the field that it is about. */
export function whatWords(problem: Problem): string {
  const known = wordsOf(problem.said);
  if (known) return known;
  const detail = problem.detail || problem.title;
  const plain =
    problem.field && detail.startsWith(`${problem.field}: `) ? detail.slice(problem.field.length + 2) : detail;
  if (language.value === "en") return plain;
  const own = tCode("problem", problem.code) ?? tCode("reason", problem.code) ?? t("problem.unknown");
  // What has no code yet is worth more in English than not at all. The register, links, diagnosis and supervision have codes for
  // all (gateway/tests/worded.rs).
  return plain && UNCODED.has(problem.code) ? t("problem.english", { own, detail: plain }) : own;
}
const UNCODED = new Set(["bad-request", "conflict", "illegal-transition", "moved-on", "exists", "too-large"]);

/** The same with the field's name. */
export function problemText(problem: Problem): string {
  const what = whatWords(problem);
  if (!problem.field) return what;
  const field = fieldWords(problem.field);
  if (field) return t("problem.of", { field, what });
  // A place in a file (`coordinates[0]`) stays with what the gateway says of it.
  return wordsOf(problem.said) ? what : whatWords({ ...problem, field: undefined });
}

/** A field's name as forms have it; in English a name of the API's is better than none. */
function fieldWords(field: string): string | null {
  const base = field.replace(/\[\d+\].*$/, "");
  return tCode("rf", base) ?? tCode("pf", base) ?? (language.value === "en" ? field : null);
}

/** Notes that are kept with a record, in English: those that the gateway makes itself. */
export function noteWords(note: string): string {
  for (const [key, shape] of NOTES) {
    const found = shape.exec(note);
    if (found) return t(key, { n: found[1] ?? "" });
  }
  return note;
}
const NOTES = [
  ["note.restored", /^restored revision (\d+)$/],
  ["note.outage", /^outage (\d+)$/],
  ["note.outageWithdrawn", /^outage (\d+) withdrawn$/],
] as const;

const VALUES: Record<string, (value: string) => string> = {
  priority: (value) => tCode("priority", value) ?? value,
  role: (value) => tCode("role", value) ?? value,
  reason: (value) => tCode("reason", value) ?? value,
  // "2 recording, 1 wall"
  held: (value) =>
    value
      .split(", ")
      .map((one) => {
        const [n = "", priority = ""] = one.split(" ");
        return priority ? t("held.one", { n, priority: tCode("priority", priority) ?? priority }) : t("held.none");
      })
      .join(language.value === "zh" ? "、" : ", "),
  // "account:ops, plan:441403102"
  by: (value) =>
    value
      .split(", ")
      .map((one) => {
        const [kind = "", name = ""] = one.split(":");
        return tCode("by", kind, { name }) ?? one;
      })
      .join(language.value === "zh" ? "、" : ", "),
  expected: (value) => (language.value === "zh" ? digitsWords(value) : value),
};

/** "20 digits", "2, 4, 6, 9 or 12 digits": the numbers are the same in every language. */
const digitsWords = (value: string): string =>
  tCode("said", "digitsOf", { n: (value.match(/\d+/g) ?? []).join(" / ") }) ?? value;
