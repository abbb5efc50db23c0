import { useEffect, useState } from "preact/hooks";
import { api } from "../api/client";
import { cameras } from "../api/store";
import type { AuditEntry } from "../domain/gateway";
import type { CameraCode } from "../domain/ids";
import { t, tCode } from "../i18n/t";
import { dayClock } from "../i18n/words";
import { Button, Empty, Field, Loading, problemWords } from "../ui/widgets";
import { detailWords } from "./audit-words";

const PAGE = 100;
const TYPING_MS = 350;
const nameOf = (code: string): string | undefined => cameras.value.get(code as CameraCode)?.name;
/** What the gateway writes; an action of a newer one is shown by its code. */
export const ACTIONS = [
  "sign-in",
  "sign-out",
  "denied",
  "view-opened",
  "view-closed",
  "still",
  "playback",
  "playback-still",
  "export",
  "recording-deleted",
  "plan-changed",
  "plan-cleared",
  "free-target-changed",
  "hold-placed",
  "hold-extended",
  "hold-released",
  "evidence-asked",
  "evidence-cancelled",
  "evidence-deleted",
  "evidence-downloaded",
  "camera-added",
  "camera-changed",
  "camera-removed",
  "camera-restored",
  "cameras-imported",
  "cameras-changed",
  "register-exported",
  "register-filed",
  "region-added",
  "region-changed",
  "region-moved",
  "region-removed",
  "group-changed",
  "group-removed",
  "devices-searched",
  "device-read",
  "user-added",
  "user-changed",
  "user-removed",
  "event-acknowledged",
  "incident-opened",
  "incident-note",
  "incident-moved",
  "incident-graded",
  "incident-report",
  "incident-cameras",
  "incident-seen",
  "incident-printed",
  "task-given",
  "task-step",
  "plan-put",
  "plan-removed",
  "plan-started",
  "attachment-sent",
  "guest-invited",
  "guest-shut-out",
  "position-shared",
  "map-source-put",
  "map-source-removed",
  "map-source-tested",
  "outline-put",
  "outline-removed",
  "incident-drawn",
  "incident-erased",
  "position-ended",
  "wall-put",
  "wall-renamed",
  "wall-removed",
  "wall-screen",
  "wall-link",
  "wall-link-ended",
  "wall-layout",
  "seat-sent",
] as const;

export function AuditLog() {
  const [user, setUser] = useState("");
  const [action, setAction] = useState("");
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const [entries, setEntries] = useState<readonly AuditEntry[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const [error, setError] = useState<string | null>(null);
  const read = async (before: string | null) => {
    const result = await api.audit({
      user: user.trim(),
      action: action.trim(),
      limit: PAGE,
      ...(from ? { from: new Date(from).toISOString() } : {}),
      ...(to ? { to: new Date(to).toISOString() } : {}),
      ...(before ? { before } : {}),
    });
    if (!result.ok) return setError(problemWords(result.problem));
    setError(null);
    setNext(result.value.next);
    setEntries((old) => (before ? [...(old ?? []), ...result.value.entries] : result.value.entries));
  };
  useEffect(() => {
    const wait = setTimeout(() => void read(null), TYPING_MS);
    return () => clearTimeout(wait);
  }, [user, action, from, to]);
  return (
    <>
      <div class="filters">
        <Field label={t("admin.user")}>
          <input value={user} onInput={(event) => setUser(event.currentTarget.value)} />
        </Field>
        <Field label={t("admin.action")}>
          <select value={action} onChange={(event) => setAction(event.currentTarget.value)}>
            <option value="">{t("audit.all")}</option>
            {ACTIONS.map((one) => (
              <option key={one} value={one}>
                {t(`audit.${one}`)}
              </option>
            ))}
          </select>
        </Field>
        <Field label={t("events.from")}>
          <input type="datetime-local" value={from} onChange={(event) => setFrom(event.currentTarget.value)} />
        </Field>
        <Field label={t("events.to")}>
          <input type="datetime-local" value={to} onChange={(event) => setTo(event.currentTarget.value)} />
        </Field>
      </div>
      {error && <p class="notice bad">{error}</p>}
      {!entries && !error && <Loading />}
      {entries?.length === 0 && <Empty icon="info" title={t("admin.noAudit")} hint={t("admin.noAuditHint")} />}
      {entries && entries.length > 0 && (
        <div class="card table-scroll" tabIndex={0} role="region" aria-label={t("admin.audit")}>
          <table class="stacked">
            <thead>
              <tr>
                <th class="number wide-only">#</th>
                <th>{t("admin.at")}</th>
                <th>{t("admin.user")}</th>
                <th>{t("admin.action")}</th>
                <th>{t("admin.object")}</th>
                <th>{t("admin.outcome")}</th>
                <th class="wide-only">{t("admin.address")}</th>
                <th class="wide-only">{t("admin.detail")}</th>
              </tr>
            </thead>
            <tbody>
              {entries.map((entry) => (
                <tr key={entry.sequence}>
                  <td class="number dim wide-only">{entry.sequence}</td>
                  <td class="nowrap">{dayClock(Date.parse(entry.at))}</td>
                  <td>{entry.user}</td>
                  <td title={entry.action}>{tCode("audit", entry.action) ?? entry.action}</td>
                  <td class="object" title={entry.object ?? ""}>
                    {nameOf(entry.object ?? "") ?? entry.object}
                  </td>
                  <td>{entry.outcome ? (tCode("outcome", entry.outcome) ?? entry.outcome) : ""}</td>
                  <td class="dim wide-only">{entry.address}</td>
                  <td class="dim wide-only">
                    {[entry.reason, detailWords(entry.action, entry.detail ?? "", nameOf)].filter(Boolean).join(" · ")}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {next && (
        <div class="actions">
          <Button label={t("app.loadMore")} onClick={() => void read(next)} />
        </div>
      )}
    </>
  );
}
