/** What is not yet sent: how much, what, and what was refused and why. */
import { useState } from "preact/hooks";
import { user } from "../api/store";
import { t } from "../i18n/t";
import { shortTime } from "../i18n/words";
import { Icon } from "../ui/icon";
import { Button, Dialog } from "../ui/widgets";
import { reachable } from "./field-store";
import { again, outbox, outboxBroken, soon, throwAway } from "./outbox";
import type { Draft } from "./outbox-core";

export function OutboxBar() {
  const [open, setOpen] = useState(false);
  const mine = outbox.value.filter((one) => one.user === user.value?.user);
  const refused = mine.filter((one) => one.state.kind === "refused").length;
  const waiting = mine.length - refused;
  const words =
    refused > 0
      ? t("field.refusedN", { n: refused, waiting })
      : waiting > 0
        ? t("field.waitingN", { n: waiting })
        : reachable.value
          ? t("field.allSent")
          : t("field.offlineNow");
  return (
    <>
      {outboxBroken.value && (
        <p class="notice bad" role="alert">
          <Icon name="info" />
          {t("field.broken", { detail: outboxBroken.value })}
        </p>
      )}
      <button
        type="button"
        class={refused > 0 ? "outbox-bar bad" : waiting > 0 || !reachable.value ? "outbox-bar warn" : "outbox-bar"}
        data-waiting={waiting}
        data-refused={refused}
        onClick={() => setOpen(true)}
      >
        <Icon name={mine.length > 0 ? "refresh" : "check"} />
        <span class="grow" role="status">
          {words}
        </span>
      </button>
      {open && (
        <Dialog title={t("field.outbox")} onClose={() => setOpen(false)}>
          <div class="dialog-body">
            {mine.length === 0 && <p>{t("field.allSentLong")}</p>}
            <ul class="outbox-list">
              {mine.map((draft) => (
                <Item key={draft.key} draft={draft} />
              ))}
            </ul>
            {mine.length > 0 && <Button icon="refresh" tone="accent" label={t("field.sendNow")} onClick={soon} />}
          </div>
        </Dialog>
      )}
    </>
  );
}

function Item({ draft }: { draft: Draft }) {
  const [sure, setSure] = useState(false);
  const { state } = draft;
  return (
    <li>
      <p>
        <strong>{draft.step ? t(`task.step.${draft.step}`) : t("incident.asNote")}</strong> · {draft.incidentNumber}
        {draft.task !== null && ` #${draft.task}`} · {shortTime(draft.saidAt)}
      </p>
      {draft.note && <p class="clip">{draft.note}</p>}
      {draft.files.length > 0 && (
        <p class="dim">
          {t("field.filesN", { n: draft.files.length, sent: draft.files.filter((file) => file.kept).length })}
        </p>
      )}
      <p class={state.kind === "refused" ? "late" : "dim"} role={state.kind === "refused" ? "alert" : undefined}>
        {state.kind === "refused" ? t("field.refused", { why: state.why }) : t(`field.state.${state.kind}`)}
      </p>
      <div class="actions start">
        {state.kind === "refused" && <Button icon="refresh" label={t("app.retry")} onClick={() => void again(draft)} />}
        {state.kind !== "sending" && (
          <Button
            icon="trash"
            tone="danger"
            label={sure ? t("field.throwSure") : t("app.delete")}
            onClick={() => (sure ? void throwAway(draft.key) : setSure(true))}
          />
        )}
      </div>
    </li>
  );
}
