/** From a problem's sentence to the field it is about. The gateway names the field first: `main_url: not an RTSP address`. */
import type { Problem } from "../api/http";
import { problemText, whatWords } from "../i18n/said";
import { language } from "../i18n/t";

export interface FieldErrors {
  readonly byField: Readonly<Record<string, string>>;
  /** What belongs to no field of the form. */
  readonly rest: string | null;
}
export const NO_ERRORS: FieldErrors = { byField: {}, rest: null };

export function fieldErrors(problem: Problem, fields: readonly string[]): FieldErrors {
  if (problem.field && fields.includes(problem.field)) {
    return { byField: { [problem.field]: whatWords(problem) }, rest: null };
  }
  if (language.value !== "en" || problem.said) return { byField: {}, rest: problemText(problem) };
  const text = problem.detail || problem.title;
  const byField: Record<string, string> = {};
  const rest: string[] = [];
  for (const part of text.split(/;\s*|\n/)) {
    const named = /^[`'"]?([a-z_.]+)[`'"]?\s*[:：]\s*(.+)$/.exec(part.trim());
    const name = named?.[1] ?? fields.find((field) => new RegExp(`[\`'"]${field}[\`'"]`).test(part));
    if (name && fields.includes(name)) byField[name] = named?.[2] ?? part.trim();
    else if (part.trim()) rest.push(part.trim());
  }
  return { byField, rest: rest.length > 0 ? rest.join("; ") : null };
}
