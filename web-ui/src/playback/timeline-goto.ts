/**
 * What a person types to be taken to a moment: `14:03:20`, `1403`, `yesterday 14:03`, `11-23 8:30`, `-10m`. Local time.
 * Words of both languages are taken in both. No DOM.
 */

import * as words from "../i18n/texts/moments";

const DAY = 86_400_000;

interface Clock {
  readonly h: number;
  readonly m: number;
  readonly s: number;
}

/**
 * The moment that a text means, UTC ms, or `null`. `at` is what is looked at: a bare time is of its day, unless that is still to
 * come; a step (`-10m`) is from there.
 */
export function parseMoment(text: string, at: number, now: number): number | null {
  const plain = words.SIGNS.reduce((said, [from, to]) => said.replaceAll(from, to), text.trim().toLowerCase());
  if (!plain) return null;
  if (words.NOW.test(plain)) return now;
  const step = words.STEP.exec(plain);
  if (step) {
    const unit = unitOf(step[3] ?? "");
    return unit === null ? null : at + (step[1] === "-" ? -1 : 1) * Number(step[2]) * unit;
  }
  const ago = words.AGO.exec(plain);
  if (ago) {
    const unit = unitOf(ago[2] ?? "");
    return unit === null ? null : now - Number(ago[1]) * unit;
  }
  const iso = /^\d{4}-\d{2}-\d{2}t\d{2}:\d{2}(:\d{2}(\.\d+)?)?(z|[+-]\d{2}:\d{2})$/.exec(plain);
  if (iso) return Date.parse(plain.toUpperCase());
  return parts(
    plain.replace("t", (letter, i: number) => (/\d/.test(plain[i - 1] ?? "") ? " " : letter)),
    at,
    now,
  );
}

const unitOf = (word: string): number | null => words.UNITS.find(([is]) => is.test(word))?.[1] ?? null;

/** A day, a time, or a day and then a time. */
function parts(plain: string, at: number, now: number): number | null {
  const whole = clockOf(plain);
  if (whole) {
    const there = set(new Date(at), whole);
    // A time that is still to come on the day that is looked at was meant of the day before.
    return there > now ? set(new Date(now - (isSameDay(at, now) ? DAY : 0)), whole) : there;
  }
  for (const cut of cuts(plain)) {
    const day = dayOf(plain.slice(0, cut).trim(), at, now);
    const clock = clockOf(plain.slice(cut).trim());
    if (day && clock) return set(day, clock);
  }
  const day = dayOf(plain, at, now);
  return day ? set(day, { h: 0, m: 0, s: 0 }) : null;
}

/** Where a day may end and a time begin: at a space, or behind a word of Chinese. */
function cuts(text: string): number[] {
  const found: number[] = [];
  for (let i = 1; i < text.length; i++) {
    if (text[i] === " " || words.DAY_ENDS.test(text[i - 1] ?? "")) found.push(i);
  }
  return found;
}

function clockOf(text: string): Clock | null {
  const half = words.HALVES.exec(text);
  const side = half?.[1] ?? half?.[3];
  const rest = half?.[2] ?? "";
  const found =
    /^(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(rest) ??
    words.HOUR_WORDS.exec(rest) ??
    /^(\d{2})(\d{2})(\d{2})?$/.exec(rest) ??
    (side ? /^(\d{1,2})$/.exec(rest) : null);
  if (!found) return null;
  let h = Number(found[1]);
  const [m, s] = [Number(found[2] ?? 0), Number(found[3] ?? 0)];
  if (words.AFTERNOON.test(side ?? "") && h < 12) h += 12;
  if (side === "am" && h === 12) h = 0;
  return h < 24 && m < 60 && s < 60 ? { h, m, s } : null;
}

function dayOf(text: string, at: number, now: number): Date | null {
  const back = words.DAYS_AGO[text];
  if (back !== undefined) return daysBefore(now, back);
  const weekday = words.WEEKDAYS.findIndex((is) => is.test(text));
  if (weekday >= 0) return daysBefore(now, (new Date(now).getDay() - weekday + 7) % 7);
  const full = words.FULL_DATE.exec(text);
  if (full) return date(Number(full[1]), Number(full[2]), Number(full[3]));
  const short = words.SHORT_DATE.exec(text);
  if (short) {
    const year = new Date(now).getFullYear();
    const found = date(year, Number(short[1]), Number(short[2]));
    // In January, December is last year's.
    return found && found.getTime() > now ? date(year - 1, Number(short[1]), Number(short[2])) : found;
  }
  const only = words.DAY_ONLY.exec(text);
  if (!only) return null;
  const seen = new Date(at);
  return date(seen.getFullYear(), seen.getMonth() + 1, Number(only[1]));
}

function daysBefore(now: number, days: number): Date {
  const there = new Date(now);
  there.setDate(there.getDate() - days);
  return there;
}

function date(year: number, month: number, day: number): Date | null {
  const made = new Date(year, month - 1, day);
  return made.getMonth() === month - 1 && made.getDate() === day ? made : null;
}

function set(day: Date, { h, m, s }: Clock): number {
  return new Date(day.getFullYear(), day.getMonth(), day.getDate(), h, m, s).getTime();
}

const isSameDay = (a: number, b: number): boolean => new Date(a).toDateString() === new Date(b).toDateString();
