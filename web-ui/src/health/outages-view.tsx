/** Approved outages: what is taken out of the figures, by whom and why. */
import "./supervision.css";
import { useEffect, useState } from "preact/hooks";
import { cameras, regionPath, tree, user } from "../api/store";
import type { CameraCode } from "../domain/ids";
import { t } from "../i18n/t";
import { dayClock, regionName } from "../i18n/words";
import { Button, Dialog, Empty, Field, Loading, problemWords, toast, toastProblem } from "../ui/widgets";
import { type Outage, supervisionApi } from "./api";

export function OutagesView() {
  const [list, setList] = useState<readonly Outage[] | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [open, setOpen] = useState<"new" | Outage | null>(null);
  const read = () =>
    void supervisionApi.outages().then((result) => {
      if (result.ok) setList(result.value);
      else setError(problemWords(result.problem));
    });
  useEffect(read, []);
  const may = user.value?.role === "administrator" || user.value?.role === "operator";
  const done = () => {
    setOpen(null);
    read();
  };
  return (
    <div class="supervision">
      <div class="page-head">
        <p class="dim">{t("outage.hint")}</p>
        {may && <Button icon="plus" tone="accent" label={t("outage.new")} onClick={() => setOpen("new")} />}
      </div>
      {error && <p class="notice bad">{error}</p>}
      {!list && !error && <Loading />}
      {list?.length === 0 && <Empty icon="check" title={t("outage.none")} hint={t("outage.noneHint")} />}
      {list && list.length > 0 && (
        <div class="card table-scroll" tabIndex={0} role="region" aria-label={t("outage.title")}>
          <table class="outages">
            <thead>
              <tr>
                <th>{t("outage.of")}</th>
                <th>{t("events.from")}</th>
                <th>{t("events.to")}</th>
                <th>{t("outage.reason")}</th>
                <th>{t("outage.by")}</th>
                <th>{t("events.state")}</th>
              </tr>
            </thead>
            <tbody>
              {list.map((one) => (
                <tr key={one.id}>
                  <td>{ofWords(one)}</td>
                  <td>{dayClock(Date.parse(one.from))}</td>
                  <td>{dayClock(Date.parse(one.to))}</td>
                  <td>{one.reason}</td>
                  <td>{one.by}</td>
                  <td>
                    {one.withdrawn ? (
                      <span title={one.withdrawn.reason}>{t("outage.withdrawnBy", { by: one.withdrawn.by })}</span>
                    ) : may ? (
                      <Button label={t("outage.withdraw")} onClick={() => setOpen(one)} />
                    ) : (
                      t("outage.approved")
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {open === "new" && <Approve onClose={() => setOpen(null)} onDone={done} />}
      {open && open !== "new" && <Withdraw outage={open} onClose={() => setOpen(null)} onDone={done} />}
    </div>
  );
}

function ofWords(outage: Outage): string {
  const place = regionPath(outage.region) || outage.region;
  if (outage.cameras.length === 0) return t("outage.allOf", { region: place });
  const names = outage.cameras.slice(0, 3).map((code) => cameras.value.get(code)?.name ?? code);
  return outage.cameras.length > 3
    ? t("outage.some", { names: names.join("、"), n: outage.cameras.length })
    : names.join("、");
}

/** What a field of the browser says, with the page's zone. */
const iso = (local: string): string => new Date(local).toISOString();

function Approve({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const [of, setOf] = useState("");
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const send = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    const camera = cameras.value.get(of as CameraCode);
    const result = await supervisionApi.approve({
      ...(camera ? { cameras: [camera.code] } : { region: of }),
      from: iso(from),
      to: iso(to),
      reason,
    });
    setBusy(false);
    if (!result.ok) return toastProblem(result.problem);
    toast(t("outage.done"));
    onDone();
  };
  return (
    <Dialog title={t("outage.new")} onClose={onClose}>
      <form class="dialog-body form-grid" onSubmit={(event) => void send(event)}>
        <Field label={t("outage.of")} hint={t("outage.ofHint")}>
          <select required value={of} onChange={(event) => setOf(event.currentTarget.value)}>
            <option value="">{t("outage.choose")}</option>
            <optgroup label={t("events.region")}>
              {[...tree.value.regions.values()]
                .filter((one) => tree.value.counts.has(one.code))
                .map((one) => (
                  <option key={one.code} value={one.code}>
                    {"　".repeat(one.level === "village" ? 2 : one.level === "town" ? 1 : 0)}
                    {regionName(one)}
                  </option>
                ))}
            </optgroup>
            <optgroup label={t("camera.name")}>
              {[...cameras.value.values()].slice(0, 500).map((one) => (
                <option key={one.code} value={one.code}>
                  {one.name}
                </option>
              ))}
            </optgroup>
          </select>
        </Field>

        <Field label={t("events.from")}>
          <input type="datetime-local" required value={from} onInput={(event) => setFrom(event.currentTarget.value)} />
        </Field>
        <Field label={t("events.to")}>
          <input
            type="datetime-local"
            required
            min={from}
            value={to}
            onInput={(event) => setTo(event.currentTarget.value)}
          />
        </Field>
        <Field label={t("outage.reason")} hint={t("outage.reasonHint")}>
          <textarea
            required
            maxLength={1000}
            rows={3}
            value={reason}
            onInput={(event) => setReason(event.currentTarget.value)}
          />
        </Field>
        <div class="actions full">
          <Button label={t("app.cancel")} onClick={onClose} />
          <Button type="submit" tone="accent" label={t("outage.approve")} disabled={busy} />
        </div>
      </form>
    </Dialog>
  );
}

function Withdraw({ outage, onClose, onDone }: { outage: Outage; onClose: () => void; onDone: () => void }) {
  const [reason, setReason] = useState("");
  const send = async (event: Event) => {
    event.preventDefault();
    const result = await supervisionApi.withdraw(outage.id, reason);
    if (!result.ok) return toastProblem(result.problem);
    onDone();
  };
  return (
    <Dialog title={t("outage.withdraw")} onClose={onClose}>
      <form class="dialog-body form-grid" onSubmit={(event) => void send(event)}>
        <p class="full">{t("outage.withdrawHint")}</p>
        <div class="full">
          <Field label={t("outage.reason")}>
            <textarea
              required
              maxLength={1000}
              rows={3}
              value={reason}
              onInput={(event) => setReason(event.currentTarget.value)}
            />
          </Field>
        </div>
        <div class="actions full">
          <Button label={t("app.cancel")} onClick={onClose} />
          <Button type="submit" tone="danger" label={t("outage.withdraw")} />
        </div>
      </form>
    </Dialog>
  );
}
