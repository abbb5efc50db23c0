/** Figures and codes in words of the chosen language. */

import type { EventKind, Grade } from "../domain/event";
import type { RegionCode } from "../domain/ids";
import type { Reason } from "../domain/reason";
import type { Region } from "../domain/region";
import { language, t, tCode } from "./t";

const locale = (): string => (language.value === "zh" ? "zh-CN" : "en-GB");

type Parts = Intl.DateTimeFormatOptions;
const CLOCK: Parts = { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false };
const DAY: Parts = { year: "numeric", month: "2-digit", day: "2-digit" };
const formats = new Map<string, Intl.DateTimeFormat>();

function format(ms: number, name: string, parts: Parts): string {
  const key = `${locale()}/${name}`;
  let made = formats.get(key);
  if (!made) {
    made = new Intl.DateTimeFormat(locale(), parts);
    formats.set(key, made);
  }
  return made.format(ms);
}

export const clock = (ms: number): string => format(ms, "clock", CLOCK);
export const day = (ms: number): string => format(ms, "day", DAY);
/** A day without its year, with its weekday: 11-24 Tue. */
export const monthDay = (ms: number): string =>
  format(ms, "monthDay", { month: "2-digit", day: "2-digit", weekday: "short" });
export const dayClock = (ms: number): string => `${day(ms)} ${clock(ms)}`;

/** Time of day for today, with the date before that. */
export function shortTime(text: string | null | undefined): string {
  const ms = text ? Date.parse(text) : Number.NaN;
  if (!Number.isFinite(ms)) return "—";
  return day(ms) === day(Date.now())
    ? clock(ms)
    : `${format(ms, "monthday", { month: "2-digit", day: "2-digit" })} ${clock(ms)}`;
}

export function rate(bps: number): string {
  if (bps >= 1e9) return `${(bps / 1e9).toFixed(2)} Gbit/s`;
  if (bps >= 1e6) return `${(bps / 1e6).toFixed(1)} Mbit/s`;
  return `${Math.round(bps / 1e3)} kbit/s`;
}

export function bytes(n: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let at = 0;
  let value = n;
  while (value >= 1024 && at < units.length - 1) {
    value /= 1024;
    at += 1;
  }
  return `${value >= 100 || at === 0 ? Math.round(value) : value.toFixed(1)} ${units[at]}`;
}

/** A length of time in its two largest units: 3 min 20 s, 2 d 4 h. */
export function lengthWords(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  const [d, h, m] = [Math.floor(s / 86_400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60];
  const units = [
    [d, "unit.d"],
    [h, "unit.h"],
    [m, "unit.m"],
    [s % 60, "unit.s"],
  ] as const;
  const first = units.findIndex(([n]) => n > 0);
  if (first < 0) return t("unit.s", { n: ms > 0 && ms < 500 ? "<1" : 0 });
  return units
    .slice(first, first + 2)
    .filter(([n]) => n > 0)
    .map(([n, key]) => t(key, { n }))
    .join(" ");
}

/** A share as per cent: never 100 where something is missing. */
export function percentWords(share: number | null | undefined, digits = 1): string {
  if (share === null || share === undefined) return "—";
  const most = share >= 1 ? 100 : 100 - 10 ** -digits;
  return `${Math.min(most, share * 100).toFixed(share >= 1 ? 0 : digits)} %`;
}

/** 75 → 1:15, 3700 → 1:01:40. */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  const two = (n: number): string => String(n).padStart(2, "0");
  const h = Math.floor(s / 3600);
  return h > 0 ? `${h}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}` : `${Math.floor(s / 60)}:${two(s % 60)}`;
}

/** Our own words for a code; the gateway's sentence adds what only it knows (which link, which address). */
export function reasonWords(reason: Reason | null | undefined): string {
  if (!reason) return "";
  return tCode("reason", reason.code) ?? (reason.text || reason.code);
}

export const eventWords = (kind: EventKind): string => tCode("event", kind) ?? kind;
export const gradeWords = (grade: Grade): string => tCode("grade", grade) ?? grade;
export const regionName = (region: Region): string =>
  language.value === "en" && region.name_en ? region.name_en : region.name;
/** Where a camera is, in the language of the page where the register has it; a guest is told the name alone. */
export function regionOf(
  camera: { readonly region: RegionCode; readonly region_name?: string | null | undefined },
  regions: ReadonlyMap<RegionCode, Region>,
): string {
  const region = regions.get(camera.region);
  return region ? regionName(region) : (camera.region_name ?? camera.region);
}
export const delayWords = (ms: number | null): string => {
  if (ms === null) return t("tile.noDelay");
  return ms < 10_000
    ? t("tile.delay", { ms: Math.round(ms / 10) * 10 })
    : t("tile.delayS", { s: Math.round(ms / 1000) });
};

/** As people measure: to the metre, then to ten of them. */
export const measuredWords = (metres: number): string =>
  metres < 1000
    ? t("field.distance", { m: metres.toFixed(metres < 100 ? 1 : 0) })
    : t("field.distanceKm", { km: (metres / 1000).toFixed(metres < 100_000 ? 2 : 1) });
export function areaWords(m2: number): string {
  if (m2 < 10_000) return t("map.area.m2", { n: Math.round(m2).toLocaleString(locale()) });
  if (m2 < 1_000_000) return t("map.area.ha", { n: (m2 / 10_000).toFixed(2) });
  return t("map.area.km2", { n: (m2 / 1_000_000).toFixed(m2 < 100_000_000 ? 3 : 1) });
}
/** How long ago: now, minutes, hours. */
export function ageWords(ms: number): string {
  if (ms < 60_000) return t("map.now");
  if (ms < 3_600_000) return t("map.minutesAgo", { n: Math.floor(ms / 60_000) });
  return t("map.hoursAgo", { n: Math.floor(ms / 3_600_000) });
}
export const distanceWords = (metres: number): string =>
  metres < 1000
    ? t("field.distance", { m: Math.round(metres) })
    : t("field.distanceKm", { km: (metres / 1000).toFixed(1) });
