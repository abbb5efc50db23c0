/** What happened, in words: entries of the log, steps of tasks, people. */
import { signal } from "@preact/signals";
import type { LogEntry, Owner, Step, Task } from "../domain/command";
import { left } from "../domain/task";
import { t } from "../i18n/t";
import { duration } from "../i18n/words";

/** Accounts by name, as far as this page has been told of them. */
export const people = signal<ReadonlyMap<string, Owner>>(new Map());

export function peopleWords(user: string): string {
  if (!user) return t("incident.byClock");
  const name = people.value.get(user)?.name;
  return name && name !== user ? `${name} (${user})` : user;
}

export const stepWords = (step: Step): string => t(`task.step.${step}`);

export function entryWords(entry: LogEntry): string {
  const parts: string[] = [];
  if (entry.action === "step" && entry.step) parts.push(t(`task.did.${entry.step}`));
  else if (entry.action === "report") parts.push(t("incident.reportN", { n: entry.report ?? 0 }));
  else if (entry.action !== "transition" || !entry.to) parts.push(t(`incident.log.${entry.action}`));
  if (entry.task !== null) parts.push(`#${entry.task}`);
  if (entry.from && entry.to) parts.push(`${t(`incident.state.${entry.from}`)} → ${t(`incident.state.${entry.to}`)}`);
  return parts.join(" ");
}

/** How long a task still has, or how late it is. */
export function dueWords(task: Task, now: number): string | null {
  const ms = left(task, now);
  if (ms === null) return null;
  return ms >= 0 ? t("task.left", { time: duration(ms / 1000) }) : t("task.late", { time: duration(-ms / 1000) });
}
