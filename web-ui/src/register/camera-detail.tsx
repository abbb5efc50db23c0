/** One camera's file: record, place, streams, history, zones. One draft over all tabs, saved as a whole. */
import type { ComponentType } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { api } from "../api/client";
import type { Problem } from "../api/http";
import { cameras, dropCamera, takeCamera, user } from "../api/store";
import { DiagnoseTool } from "../diagnose/tool";
import type { Camera } from "../domain/camera";
import { type CameraCode, isCameraCode } from "../domain/ids";
import { whatWords } from "../i18n/said";
import { t } from "../i18n/t";
import { dayClock } from "../i18n/words";
import { StateMark } from "../ui/marks";
import { Button, Choice, Dialog, Loading, problemWords, toast, toastProblem } from "../ui/widgets";
import { ZoneEditor } from "../zones/zone-editor";
import { calls } from "./calls";
import { ConflictDialog } from "./conflict-dialog";
import { blank, bodyOf, changedFields, type Draft, draftOf, missing, readOnly, valueAt, withValue } from "./draft";
import type { Editing } from "./field-grid";
import { History } from "./history";
import { PlaceTab } from "./place-tab";
import { RecordTab } from "./record-tab";
import { fieldName } from "./show";
import { StreamsTab } from "./streams-tab";
import type { Overtaken, Past, StoredRecord } from "./types";

export const TABS = ["record", "place", "streams", "history", "zones"] as const;
export type Tab = (typeof TABS)[number];
const READ_TABS: readonly Tab[] = ["record", "place", "history"];

/** Tools of other parts on a camera's file, such as its diagnosis: each is given the camera and draws its button. */
export const tools: ComponentType<{ camera: Camera }>[] = [DiagnoseTool];

interface Props {
  /** Empty: a new one. */
  readonly code: string;
  /** Of a new one: what is known of it already. */
  readonly seed?: Partial<Draft> | undefined;
  readonly tab: Tab;
  readonly region: string;
  readonly onTab: (tab: Tab) => void;
  readonly onClose: () => void;
  readonly onSaved: (code: string) => void;
}

function errorsOf(problem: Problem): Record<string, string> {
  const { field } = problem;
  if (!field || !/^[a-z_.[\]0-9]+$/.test(field)) return { "": problemWords(problem) };
  return { [field]: whatWords(problem) };
}

export function CameraDetail({ code, seed, tab, region, onTab, onClose, onSaved }: Props) {
  const isNew = code === "";
  const may = user.value?.role === "administrator";
  const [stored, setStored] = useState<StoredRecord | null>(null);
  const [draft, setDraft] = useState<Draft | null>(() => (isNew ? { ...blank(region), ...seed } : null));
  const [before, setBefore] = useState<Draft | null>(draft);
  const [errors, setErrors] = useState<Record<string, string>>({});
  const [gone, setGone] = useState(false);
  const [busy, setBusy] = useState(false);
  const [overtaken, setOvertaken] = useState<Overtaken | null>(null);
  const [deleting, setDeleting] = useState(false);
  const [turn, setTurn] = useState(0);

  const load = async () => {
    if (isNew) return;
    if (!may) {
      const seen = await api.camera(code as CameraCode);
      setGone(!seen.ok && seen.problem.status === 404);
      if (!seen.ok) return;
      const only = readOnly(seen.value, seen.value.region);
      setDraft(only);
      setBefore(only);
      return;
    }
    const answer = await calls.record(code);
    if (!answer.ok) {
      setGone(answer.problem.status === 404);
      if (answer.problem.status !== 404) setErrors({ "": problemWords(answer.problem) });
      return;
    }
    const fresh = draftOf(answer.value);
    setStored(answer.value);
    setDraft(fresh);
    setBefore(fresh);
    setErrors({});
    setGone(false);
    setTurn((n) => n + 1);
  };
  useEffect(() => {
    void load();
  }, [code]);

  const dirty = useMemo(() => new Set(draft && before ? changedFields(before, draft) : []), [draft, before]);
  const lacking = useMemo(() => new Set(draft ? missing(draft) : []), [draft]);
  const live = cameras.value.get(code as CameraCode);
  useEffect(() => {
    if (dirty.size === 0) return;
    const hold = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", hold);
    return () => removeEventListener("beforeunload", hold);
  }, [dirty.size === 0]);

  const save = async (wanted: Draft) => {
    if (!isCameraCode(wanted.code)) return setErrors({ code: t("admin.codeShape") });
    setBusy(true);
    const { revision: _, ...record } = bodyOf(wanted);
    const answer = isNew ? await calls.add(record) : await calls.put(code, bodyOf(wanted));
    setBusy(false);
    if (!answer.ok) {
      const told = answer.problem.more as Overtaken | undefined;
      if (answer.problem.code === "stale" && told) return setOvertaken(told);
      return setErrors(errorsOf(answer.problem));
    }
    takeCamera(answer.value);
    toast(isNew ? t("reg.added") : t("admin.saved"));
    setErrors({});
    onSaved(answer.value.code);
    if (!isNew) await load();
  };
  const merge = (theirs: ReadonlySet<string>) => {
    if (!draft || !overtaken) return;
    let next: Draft = { ...draft, revision: overtaken.revision };
    for (const row of overtaken.differences) {
      if (row.field === "password") {
        if (theirs.has(row.field)) next = { ...next, password: "" };
      } else if (theirs.has(row.field))
        next = withValue(next, row.field, row.theirs ?? emptyAs(valueAt(draft, row.field)));
    }
    setOvertaken(null);
    setDraft(next);
    void save(next);
  };
  const remove = async () => {
    setDeleting(false);
    const answer = await calls.remove(code, stored?.revision ?? 0);
    if (!answer.ok) return toastProblem(answer.problem);
    dropCamera(code as CameraCode);
    toast(t("admin.deleted"));
    onSaved(code);
    await load();
  };
  const restore = async (past: Past, newest: number) => {
    const answer = await calls.restore(code, past.revision, gone ? 0 : newest);
    if (!answer.ok) return toastProblem(answer.problem);
    takeCamera(answer.value);
    toast(t("reg.restored"));
    onSaved(code);
    await load();
  };

  const editing: Editing | null = draft && {
    draft,
    errors,
    dirty: isNew ? new Set() : dirty,
    missing: lacking,
    set: may ? setDraft : () => undefined,
  };
  const tabs = isNew ? TABS.slice(0, 3) : gone ? (["history"] as const) : may ? TABS : READ_TABS;
  const shown = (tabs as readonly Tab[]).includes(tab) ? tab : (tabs[0] ?? "record");
  return (
    <section class="reg-detail card" aria-label={draft?.name || code || t("reg.add")}>
      <header>
        <div class="grow">
          <h2 class="clip">{isNew ? t("reg.add") : (stored?.name ?? live?.name ?? code)}</h2>
          {!isNew && (
            <p class="dim small reg-under">
              <span class="code">{code}</span>
              {live && <StateMark state={live.state} words />}
              {stored && <span>{t("reg.revision", { n: stored.revision })}</span>}
              {stored?.changed_at && (
                <span>
                  {t("reg.changed", {
                    by: stored.changed_by || t("reg.gateway"),
                    at: dayClock(Date.parse(stored.changed_at)),
                  })}
                </span>
              )}
            </p>
          )}
        </div>
        {live && tools.map((Tool, n) => <Tool key={n} camera={live} />)}
        {stored && !gone && <Button icon="trash" label={t("app.delete")} hideLabel onClick={() => setDeleting(true)} />}
        <Button icon="x" label={t("reg.back")} hideLabel onClick={onClose} />
      </header>
      <Choice<Tab>
        label={t("reg.title")}
        value={shown}
        options={tabs.map((one) => [one, t(`reg.tab.${one}`)] as const)}
        onPick={onTab}
      />
      <div class="scroll reg-body">
        {gone && <p class="notice warn">{t("reg.removed")}</p>}
        {errors[""] && (
          <p class="notice bad" role="alert">
            {errors[""]}
          </p>
        )}
        {editing && lacking.size > 0 && shown === "record" && (
          <p class="notice warn small">{t("reg.missingList", { fields: [...lacking].map(fieldName).join("、") })}</p>
        )}
        {shown === "history" ? (
          <History read={() => calls.history(code)} turn={turn} onRestore={may ? restore : undefined} />
        ) : shown === "zones" ? (
          live ? (
            <ZoneTab camera={live} onDone={() => void load().then(() => onTab("record"))} />
          ) : null
        ) : !editing ? (
          <Loading />
        ) : shown === "place" ? (
          <fieldset class="plain" disabled={!may}>
            <PlaceTab editing={editing} />
          </fieldset>
        ) : shown === "streams" ? (
          <StreamsTab editing={editing} hasPassword={stored?.has_password ?? false} />
        ) : (
          <fieldset class="plain" disabled={!may}>
            <RecordTab key={`${code}/${turn}`} editing={editing} isNew={isNew} />
          </fieldset>
        )}
      </div>
      {draft && (isNew || dirty.size > 0) && (
        <footer class="actions">
          {!isNew && <span class="dim">{t("reg.unsaved", { n: dirty.size })}</span>}
          <Button label={isNew ? t("app.cancel") : t("reg.discard")} onClick={isNew ? onClose : () => void load()} />
          <Button
            tone="accent"
            class="reg-save"
            label={t("app.save")}
            disabled={busy}
            onClick={() => void save(draft)}
          />
        </footer>
      )}
      {overtaken && <ConflictDialog told={overtaken} onClose={() => setOvertaken(null)} onMerge={merge} />}
      {deleting && (
        <Dialog title={t("reg.deleteTitle")} onClose={() => setDeleting(false)}>
          <div class="dialog-body">
            <p>{t("reg.deleteText", { name: stored?.name ?? code })}</p>
            <div class="actions">
              <Button label={t("app.cancel")} onClick={() => setDeleting(false)} />
              <Button tone="danger" icon="trash" label={t("app.delete")} onClick={() => void remove()} />
            </div>
          </div>
        </Dialog>
      )}
    </section>
  );
}

/** What an emptied field is in the form: the same sort of nothing that it was. */
const emptyAs = (value: unknown): unknown => (Array.isArray(value) ? [] : typeof value === "string" ? "" : null);

/** The zones are drawn over a still, with the record as it is now. */
function ZoneTab({ camera, onDone }: { camera: Camera; onDone: () => void }) {
  const [full, setFull] = useState<Camera | null>(null);
  useEffect(() => {
    void api.camera(camera.code).then((answer) => setFull(answer.ok ? answer.value : camera));
  }, [camera.code]);
  return full ? <ZoneEditor camera={full} onClose={onDone} /> : <Loading />;
}
