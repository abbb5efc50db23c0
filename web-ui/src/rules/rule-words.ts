/** A rule in a sentence. */
import { t, tCode } from "../i18n/t";
import { eventWords, gradeWords } from "../i18n/words";
import type { Act, Rule } from "./api";
import { ALL_DAYS, clockOf } from "./rule-model";

export const DAYS = [0, 1, 2, 3, 4, 5, 6] as const;

export function spanWords(seconds: number): string {
  if (seconds >= 3600 && seconds % 3600 === 0) return t("rules.hoursN", { n: seconds / 3600 });
  if (seconds >= 60 && seconds % 60 === 0) return t("rules.minutesN", { n: seconds / 60 });
  return t("rules.secondsN", { n: seconds });
}

export function whenWords(rule: Rule, place: string): string {
  const kinds = rule.kinds.length === 0 ? t("rules.anyKind") : rule.kinds.map(eventWords).join("、");
  const parts = [place, kinds];
  if (rule.at_least) parts.push(t("rules.atLeastShort", { grade: gradeWords(rule.at_least) }));
  if (rule.cameras.length > 0) parts.push(t("rules.camerasN", { n: rule.cameras.length }));
  for (const hours of rule.hours) {
    const days =
      hours.days === ALL_DAYS
        ? t("rules.everyDay")
        : DAYS.filter((one) => hours.days & (1 << one))
            .map((one) => t(`rules.day.${one}`))
            .join(" ");
    const whole = hours.from_min === 0 && hours.to_min === 1440;
    parts.push(
      whole ? days : `${days} ${clockOf(hours.from_min)}–${hours.to_min === 1440 ? "24:00" : clockOf(hours.to_min)}`,
    );
  }
  if (rule.count > 1) {
    parts.push(t("rules.within", { n: rule.count, span: spanWords(rule.within_s), per: t(`rules.per.${rule.per}`) }));
  }
  return parts.join(" · ");
}

export function actWords(act: Act): string {
  if (act === "popup") return t("rules.act.popup");
  if ("grade" in act) return t("rules.act.gradeTo", { grade: gradeWords(act.grade) });
  if ("incident" in act) {
    return t("rules.act.incidentOf", { kind: tCode("incident.kind", act.incident.kind) ?? act.incident.kind });
  }
  return act.notify ? t("rules.act.notifyText", { text: act.notify }) : t("rules.act.notify");
}
