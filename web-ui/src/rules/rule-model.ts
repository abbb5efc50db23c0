/** A rule as it is edited, and as the gateway takes it. Pure. */
import type { EventKind, Grade } from "../domain/event";
import type { Act, Hours, Rule } from "./api";

export interface Draft {
  id: string;
  name: string;
  on: boolean;
  kinds: readonly EventKind[];
  region: string;
  atLeast: Grade | "";
  /** Bits of the week; all of them and no times: always. */
  days: number;
  from: string;
  to: string;
  count: number;
  within_s: number;
  per: Rule["per"];
  quiet_s: number;
  popup: boolean;
  grade: Grade | "";
  incident: string;
  notify: boolean;
  notifyText: string;
  /** What this form does not show, kept as it is. */
  cameras: readonly string[];
  moreHours: readonly Hours[];
}
export const ALL_DAYS = 127;

export const emptyDraft = (region: string): Draft => ({
  id: "",
  name: "",
  on: false,
  kinds: [],
  region,
  atLeast: "",
  days: ALL_DAYS,
  from: "",
  to: "",
  count: 1,
  within_s: 60,
  per: "camera",
  quiet_s: 300,
  popup: true,
  grade: "",
  incident: "",
  notify: false,
  notifyText: "",
  cameras: [],
  moreHours: [],
});

const two = (n: number): string => String(n).padStart(2, "0");
export const clockOf = (minutes: number): string => `${two(Math.floor(minutes / 60) % 24)}:${two(minutes % 60)}`;
export const minutesOf = (text: string): number | null => {
  const found = /^(\d{2}):(\d{2})$/.exec(text);
  return found ? Number(found[1]) * 60 + Number(found[2]) : null;
};

export function draftOf(rule: Rule): Draft {
  const [hours, ...moreHours] = rule.hours;
  const whole = hours?.from_min === 0 && hours.to_min === 1440;
  const draft: Draft = {
    ...emptyDraft(rule.region),
    id: rule.id,
    name: rule.name,
    on: rule.on,
    kinds: rule.kinds,
    atLeast: rule.at_least ?? "",
    days: hours?.days ?? ALL_DAYS,
    from: hours && !whole ? clockOf(hours.from_min) : "",
    to: hours && !whole ? clockOf(hours.to_min) : "",
    count: rule.count,
    within_s: rule.within_s,
    per: rule.per,
    quiet_s: rule.quiet_s,
    cameras: rule.cameras,
    moreHours,
    popup: false,
  };
  for (const act of rule.acts) {
    if (act === "popup") draft.popup = true;
    else if ("grade" in act) draft.grade = act.grade;
    else if ("incident" in act) draft.incident = act.incident.kind || "general";
    else {
      draft.notify = true;
      draft.notifyText = act.notify;
    }
  }
  return draft;
}

function hoursOf(draft: Draft): readonly Hours[] {
  const from = minutesOf(draft.from);
  const to = minutesOf(draft.to);
  const timed = from !== null && to !== null;
  if (!timed && draft.days === ALL_DAYS && draft.moreHours.length === 0) return [];
  return [{ days: draft.days, from_min: timed ? from : 0, to_min: timed ? to || 1440 : 1440 }, ...draft.moreHours];
}

/** A name for addresses: from what people call it where that has Latin letters, else from the time. */
export function idOf(name: string, now: number): string {
  const latin = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 40);
  // The gateway's time comes with fractions of a millisecond.
  return latin || `rule-${Math.round(now).toString(36)}`;
}

export function ruleOf(draft: Draft): Rule {
  const acts: Act[] = [];
  if (draft.popup) acts.push("popup");
  if (draft.grade) acts.push({ grade: draft.grade });
  if (draft.incident) acts.push({ incident: { kind: draft.incident } });
  if (draft.notify) acts.push({ notify: draft.notifyText.trim() });
  return {
    id: draft.id,
    name: draft.name.trim(),
    on: draft.on,
    kinds: draft.kinds,
    region: draft.region,
    cameras: draft.cameras,
    at_least: draft.atLeast || null,
    hours: hoursOf(draft),
    count: draft.count,
    within_s: draft.within_s,
    per: draft.per,
    quiet_s: draft.quiet_s,
    acts,
  };
}
