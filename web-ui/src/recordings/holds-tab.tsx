/** Holds: what no rule deletes, who wanted it, why, and until when. */
import { useState } from "preact/hooks";
import { archive } from "../api/archive";
import { cameras, serverNow, user } from "../api/store";
import type { Hold } from "../domain/evidence";
import { type CameraCode, toRfc3339 } from "../domain/ids";
import { t } from "../i18n/t";
import { dayClock, lengthWords, shortTime } from "../i18n/words";
import { HoldDialog, type Length, UntilFields, untilOf } from "../playback/range-dialogs";
import { CameraTree } from "../ui/camera-tree";
import { Icon } from "../ui/icon";
import { Button, Dialog, Empty, Field, problemWords, toast } from "../ui/widgets";
import { holdBy, holdReason } from "./hold-words";
import { Read, useRead } from "./parts";

const HOUR = 3_600_000;
type Doing = { readonly kind: "extend" | "release"; readonly hold: Hold };

export function HoldsTab() {
  const [all, setAll] = useState(false);
  const { value: holds, error, again } = useRead(() => archive.holds({ state: all ? "all" : "active" }), 15_000, [all]);
  const [doing, setDoing] = useState<Doing | null>(null);
  const [adding, setAdding] = useState<"pick" | readonly CameraCode[] | null>(null);
  const role = user.value?.role;
  const handling = role === "administrator" || role === "operator";
  return (
    <>
      <div class="tab-bar">
        <label class="check">
          <input type="checkbox" checked={all} onChange={() => setAll(!all)} />
          <span>{t("hold.all")}</span>
        </label>
        <span class="grow" />
        {handling && <Button icon="plus" tone="accent" label={t("hold.add")} onClick={() => setAdding("pick")} />}
      </div>
      <Read error={error} there={holds !== null} />
      {holds?.length === 0 && (
        <div class="card">
          <Empty icon="lock" title={t("hold.none")} hint={t("hold.noneHint")} />
        </div>
      )}
      {holds && holds.length > 0 && (
        <div class="card table-scroll" tabIndex={0} role="region" aria-label={t("hold.title")}>
          <table class="cards-on-phone">
            <thead>
              <tr>
                <th class="number">#</th>
                <th>{t("hold.kind")}</th>
                <th>{t("range.cameras")}</th>
                <th>{t("hold.range")}</th>
                <th>{t("hold.reason")}</th>
                <th>{t("hold.by")}</th>
                <th>{t("hold.untilField")}</th>
                <th aria-label={t("app.edit")} />
              </tr>
            </thead>
            <tbody>
              {holds.map((hold) => (
                <HoldRow
                  key={hold.id}
                  hold={hold}
                  mayExtend={handling}
                  mayRelease={role === "administrator" || (role === "operator" && hold.kind === "evidence")}
                  onDo={(kind) => setDoing({ kind, hold })}
                />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {doing?.kind === "extend" && <Extend hold={doing.hold} onClose={() => setDoing(null)} onDone={again} />}
      {doing?.kind === "release" && <Release hold={doing.hold} onClose={() => setDoing(null)} onDone={again} />}
      {adding === "pick" && <Pick onClose={() => setAdding(null)} onPick={setAdding} />}
      {Array.isArray(adding) && (
        <HoldDialog
          codes={adding as readonly CameraCode[]}
          selection={{ from: serverNow() - HOUR, to: serverNow() }}
          onClose={() => setAdding(null)}
          onHeld={again}
        />
      )}
    </>
  );
}

function HoldRow({
  hold,
  mayExtend,
  mayRelease,
  onDo,
}: {
  hold: Hold;
  mayExtend: boolean;
  mayRelease: boolean;
  onDo: (kind: Doing["kind"]) => void;
}) {
  const names = hold.cameras.map((code) => cameras.value.get(code)?.name ?? code);
  const [from, to] = [Date.parse(hold.from), Date.parse(hold.to)];
  const shown = hold.cameras.slice(0, 9).join();
  const state = hold.released ? t("hold.released") : hold.active ? null : t("hold.over");
  return (
    <tr data-hold={hold.id} class={hold.active ? "" : "over"}>
      <td class="number dim">{hold.id}</td>
      <td class="nowrap">
        <span class={`hold-kind ${hold.kind}`}>
          <Icon name="lock" size={1} />
          {t(`hold.kind.${hold.kind}`)}
        </span>
        {state && <small class="dim block">{state}</small>}
      </td>
      <td title={names.join("\n")}>
        {names.length === 0
          ? t("hold.allCameras")
          : names.length > 2
            ? t("hold.camerasMore", { name: names[0] ?? "", n: names.length })
            : names.join(", ")}
      </td>
      <td>
        {dayClock(from)}
        <span class="block">
          {dayClock(to)} <span class="dim">({lengthWords(to - from)})</span>
        </span>
      </td>
      <td class="words-cell">
        {holdReason(hold.reason)}
        {hold.extended.map((one) => (
          <small key={one.at} class="dim block">
            {t("hold.extendedBy", { by: one.by, time: shortTime(one.at), reason: one.reason })}
          </small>
        ))}
        {hold.released && (
          <small class="dim block">
            {t("hold.releasedBy", {
              by: hold.released.by,
              time: shortTime(hold.released.at),
              reason: hold.released.reason,
            })}
          </small>
        )}
      </td>
      <td class="nowrap">
        {holdBy(hold.by)}
        <small class="dim block">{shortTime(hold.placed)}</small>
      </td>
      <td class="nowrap">{hold.until ? dayClock(Date.parse(hold.until)) : t("hold.forever")}</td>
      <td>
        <div class="actions nowrap">
          {shown && user.value?.role !== "auditor" && (
            <a
              class="button only-icon"
              href={`/playback?c=${shown}&t=${toRfc3339(from)}`}
              title={t("hold.show")}
              aria-label={`${t("hold.show")} ${hold.id}`}
            >
              <Icon name="history" />
            </a>
          )}
          {hold.active && hold.until !== null && mayExtend && (
            <Button label={t("hold.extend")} onClick={() => onDo("extend")} />
          )}
          {hold.active && mayRelease && (
            <Button tone="danger" label={t("hold.release")} onClick={() => onDo("release")} />
          )}
        </div>
      </td>
    </tr>
  );
}

interface Ending {
  readonly hold: Hold;
  readonly onClose: () => void;
  readonly onDone: () => void;
}

function Extend({ hold, onClose, onDone }: Ending) {
  const [length, setLength] = useState<Length>("90");
  const [date, setDate] = useState("");
  const [reason, setReason] = useState("");
  const [error, setError] = useState<string | null>(null);
  // From when it would end, so that an extension by 90 days is one.
  const until = untilOf(length, date, hold.until ? Date.parse(hold.until) : serverNow());
  const submit = async (event: Event) => {
    event.preventDefault();
    if (until === undefined) return;
    const answer = await archive.extendHold(hold.id, until, reason.trim());
    if (!answer.ok) return setError(problemWords(answer.problem));
    toast(t("hold.extended"));
    onDone();
    onClose();
  };
  return (
    <Dialog title={t("hold.extendTitle", { id: hold.id })} onClose={onClose}>
      <form class="dialog-body hold-form" onSubmit={(event) => void submit(event)}>
        <p>{holdReason(hold.reason)}</p>
        <p class="dim">{hold.until && t("hold.until", { time: dayClock(Date.parse(hold.until)) })}</p>
        <UntilFields length={length} date={date} onLength={setLength} onDate={setDate} />
        {until && <p class="sum">{t("hold.until", { time: dayClock(Date.parse(until)) })}</p>}
        <Reason value={reason} onInput={setReason} />
        <Failed error={error} />
        <div class="actions">
          <Button label={t("app.cancel")} onClick={onClose} />
          <Button
            type="submit"
            icon="calendarClock"
            tone="accent"
            label={t("hold.extend")}
            disabled={!reason.trim() || until === undefined}
          />
        </div>
      </form>
    </Dialog>
  );
}

function Release({ hold, onClose, onDone }: Ending) {
  const [reason, setReason] = useState("");
  const [sure, setSure] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    const answer = await archive.releaseHold(hold.id, reason.trim());
    if (!answer.ok) return setError(problemWords(answer.problem));
    toast(t("hold.released"));
    onDone();
    onClose();
  };
  return (
    <Dialog title={t("hold.releaseTitle", { id: hold.id })} onClose={onClose}>
      <form class="dialog-body" onSubmit={(event) => void submit(event)}>
        <p>{holdReason(hold.reason)}</p>
        <p class="notice warn">
          <Icon name="triangleAlert" />
          {t("hold.releaseLead", { from: dayClock(Date.parse(hold.from)), to: dayClock(Date.parse(hold.to)) })}
        </p>
        <Reason value={reason} onInput={setReason} />
        <label class="check">
          <input type="checkbox" checked={sure} onChange={() => setSure(!sure)} />
          <span>{t("hold.releaseConfirm")}</span>
        </label>
        <Failed error={error} />
        <div class="actions">
          <Button label={t("app.cancel")} onClick={onClose} />
          <Button type="submit" tone="danger" label={t("hold.release")} disabled={!reason.trim() || !sure} />
        </div>
      </form>
    </Dialog>
  );
}

function Reason({ value, onInput }: { value: string; onInput: (text: string) => void }) {
  return (
    <Field label={t("hold.reason")}>
      <textarea
        required
        autofocus
        maxLength={2000}
        rows={2}
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </Field>
  );
}

function Failed({ error }: { error: string | null }) {
  if (!error) return null;
  return (
    <p class="notice bad" role="alert">
      {error}
    </p>
  );
}

function Pick({ onClose, onPick }: { onClose: () => void; onPick: (codes: readonly CameraCode[]) => void }) {
  const [chosen, setChosen] = useState<ReadonlySet<CameraCode>>(new Set());
  return (
    <Dialog title={t("hold.add")} onClose={onClose}>
      <div class="dialog-body">
        <div class="chooser">
          <CameraTree
            chosen={chosen}
            onPick={(code) => {
              const next = new Set(chosen);
              if (!next.delete(code)) next.add(code);
              setChosen(next);
            }}
          />
        </div>
        <div class="actions">
          <span class="grow dim">{t("recplan.selected", { n: chosen.size })}</span>
          <Button label={t("app.cancel")} onClick={onClose} />
          <Button tone="accent" label={t("hold.go")} disabled={chosen.size === 0} onClick={() => onPick([...chosen])} />
        </div>
      </div>
    </Dialog>
  );
}
