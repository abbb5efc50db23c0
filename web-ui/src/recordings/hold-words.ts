/** Why something is held, and by whom: what the gateway wrote by itself, in words. */
import type { EventKind } from "../domain/event";
import { t } from "../i18n/t";
import { eventWords } from "../i18n/words";

/** As the gateway writes it for what its plans hold. */
const OF_EVENT = /^event \w+ \(([\w-]+)\)(, and others about that time)?$/;

export function holdReason(reason: string): string {
  const [, kind, others] = OF_EVENT.exec(reason) ?? [];
  if (!kind) return reason;
  return t(others ? "hold.ofEvents" : "hold.ofEvent", { kind: eventWords(kind as EventKind) });
}

export const holdBy = (by: string): string => (by === "recording-plan" ? t("hold.byPlan") : by);
