/** Days of the district as text, `YYYY-MM-DD`; and what stands in the address. */
import type { By, Period, Question } from "./api";
import { BYS, PERIODS } from "./api";

const DAY_MS = 86_400_000;

/** The gateway names days by the district's clock: China's, unless it is configured otherwise. */
export const dayOf = (ms: number, offsetMinutes = 480): string =>
  new Date(ms + offsetMinutes * 60_000).toISOString().slice(0, 10);
export const plusDays = (day: string, days: number): string =>
  new Date(Date.parse(`${day}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);
export const isDay = (text: string | null): text is string =>
  text !== null && /^\d{4}-\d{2}-\d{2}$/.test(text) && Number.isFinite(Date.parse(`${text}T00:00:00Z`));
export const daysBetween = (from: string, to: string): number =>
  Math.round((Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / DAY_MS) + 1;

export const PRESETS = ["week", "days30", "thisMonth", "lastMonth", "year"] as const;
export type Preset = (typeof PRESETS)[number];

export function presetRange(preset: Preset, today: string): readonly [string, string] {
  const month = `${today.slice(0, 7)}-01`;
  switch (preset) {
    case "week":
      return [plusDays(today, -6), today];
    case "days30":
      return [plusDays(today, -29), today];
    case "thisMonth":
      return [month, today];
    case "lastMonth": {
      const last = plusDays(month, -1);
      return [`${last.slice(0, 7)}-01`, last];
    }
    case "year":
      return [plusDays(today, -395), today];
  }
}

export function questionOf(search: URLSearchParams, today: string): Question {
  const [from, to] = presetRange("days30", today);
  const by = search.get("by");
  const period = search.get("period");
  const given = (name: string) => search.get(name) || undefined;
  const region = given("region");
  const maker = given("maker");
  const department = given("department");
  const asked = { from: search.get("from"), to: search.get("to") };
  return {
    from: isDay(asked.from) ? asked.from : from,
    to: isDay(asked.to) ? asked.to : to,
    by: ([...BYS, "all"] as readonly string[]).includes(by ?? "") ? (by as By) : "town",
    period: (PERIODS as readonly string[]).includes(period ?? "") ? (period as Period) : "all",
    ...(region ? { region } : {}),
    ...(region && search.get("own") === "1" ? { own: "1" } : {}),
    ...(maker ? { maker } : {}),
    ...(department ? { department } : {}),
  };
}

/** The address of a view; what is left out stays as it is. */
export function addressOf(question: Question, more: Record<string, string | undefined> = {}): string {
  const search = new URLSearchParams({ tab: "supervision" });
  for (const [name, value] of Object.entries({ ...question, ...more })) if (value) search.set(name, String(value));
  return `/health?${search.toString()}`;
}

/** Digits of a village's code. */
export const VILLAGE = 12;

/** What a line of one kind opens into. */
export function deeper(question: Question, key: string): Question {
  switch (question.by) {
    case "town":
      return { ...question, by: "village", region: key };
    case "village":
      // A town among its villages stands for the cameras of its own.
      return { ...question, by: "camera", region: key, ...(key.length < VILLAGE ? { own: "1" } : {}) };
    case "maker":
      return { ...question, by: "camera", maker: key };
    case "department":
      return { ...question, by: "camera", department: key };
    default:
      return question;
  }
}

/** Cut, not rounded: 99.996 % is not all of them. */
export const percentOf = (share: number | null): string =>
  share === null ? "—" : `${(Math.floor(share * 10_000 + 1e-7) / 100).toFixed(2)} %`;
