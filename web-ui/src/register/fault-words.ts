/** What is wrong with a cell, in the reader's language, from the code and values that the gateway gives. */
import { language, tCode } from "../i18n/t";
import type { Fault } from "./types";

const text = (value: unknown): string =>
  Array.isArray(value) ? value.join(" / ") : typeof value === "object" || value === undefined ? "" : String(value);

/** The gateway's English where a newer gateway has a code that this page does not know. */
export function faultWords({ detail, text: english }: Fault): string {
  const values: Record<string, string> = {};
  for (const [name, value] of Object.entries(detail)) values[name] = text(value);
  switch (detail.code) {
    case "mandatory":
    case "column-needed":
      values.name = values[language.value] ?? "";
      break;
    case "expected":
      values.expected = tCode("expected", values.expected ?? "") ?? values.expected ?? "";
      break;
    case "length":
      // "20 digits", "2, 4, 6, 9 or 12 digits": the numbers are the same in every language.
      values.digits = (values.expected?.match(/\d+/g) ?? []).join(" / ");
      break;
    case "limit":
      values.limit = tCode("limit", values.field ?? "") ?? tCode("limit", "other") ?? "";
      break;
    case "word":
      values.known = (Array.isArray(detail.known) ? detail.known : [])
        .map((one) => tCode("form", one) ?? one)
        .join(" / ");
      break;
  }
  return tCode("fd", detail.code, values) ?? english;
}
