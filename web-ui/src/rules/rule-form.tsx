/** Writes a rule, and tries it out against last week's events before it is switched on. */
import { useState } from "preact/hooks";
import { cameras, regionPath, tree } from "../api/store";
import { EVENT_KINDS, GRADES, type Grade } from "../domain/event";
import type { CameraCode, RegionCode } from "../domain/ids";
import { t, tCode } from "../i18n/t";
import { dayClock, eventWords, gradeWords, regionName } from "../i18n/words";
import { INCIDENT_KINDS } from "../incident/incident-form";
import { Button, Dialog, Field, problemWords, toastProblem } from "../ui/widgets";
import { PERS, rulesApi, type Trial } from "./api";
import { type Draft, idOf, ruleOf } from "./rule-model";
import { DAYS, spanWords } from "./rule-words";

const SPANS = [10, 30, 60, 120, 300, 600, 1800, 3600, 21_600, 86_400] as const;
const QUIETS = [0, 30, 60, 300, 600, 1800, 3600, 21_600, 86_400] as const;

/** The steps to choose from, and what the rule has if it is none of them. */
const withOwn = (steps: readonly number[], own: number): readonly number[] =>
  steps.includes(own) ? steps : [...steps, own].sort((a, b) => a - b);

export function RuleForm(props: {
  draft: Draft;
  isNew: boolean;
  now: number;
  onClose: () => void;
  onDone: () => void;
}) {
  const [draft, setDraft] = useState(props.draft);
  const [trial, setTrial] = useState<Trial | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const set = (change: Partial<Draft>) => {
    setDraft({ ...draft, ...change });
    setTrial(null);
  };
  const rule = () => ruleOf({ ...draft, id: draft.id || idOf(draft.name, props.now) });
  const nothing = !draft.popup && !draft.grade && !draft.incident && !draft.notify;
  const tryOut = async () => {
    setBusy(true);
    const result = await rulesApi.trial(rule());
    setBusy(false);
    if (!result.ok) return setError(problemWords(result.problem));
    setError(null);
    setTrial(result.value);
  };
  const save = async (on: boolean) => {
    setBusy(true);
    const result = await rulesApi.put({ ...rule(), on });
    setBusy(false);
    if (!result.ok) {
      setError(problemWords(result.problem));
      return toastProblem(result.problem);
    }
    props.onDone();
  };
  return (
    <Dialog title={props.isNew ? t("rules.new") : draft.name} onClose={props.onClose} wide>
      <form
        class="dialog-body rule-form"
        onSubmit={(event) => {
          event.preventDefault();
          void tryOut();
        }}
      >
        <div class="form-grid">
          <Field label={t("rules.name")}>
            <input
              required
              maxLength={100}
              value={draft.name}
              onInput={(event) => set({ name: event.currentTarget.value })}
            />
          </Field>
          <Field label={t("events.region")}>
            <select required value={draft.region} onChange={(event) => set({ region: event.currentTarget.value })}>
              {[...tree.value.regions.values()]
                .filter((one) => tree.value.counts.has(one.code) || one.code === draft.region)
                .map((one) => (
                  <option key={one.code} value={one.code}>
                    {"　".repeat(one.level === "village" ? 2 : one.level === "town" ? 1 : 0)}
                    {regionName(one)}
                  </option>
                ))}
            </select>
          </Field>
          <Field label={t("rules.atLeast")}>
            <select
              value={draft.atLeast}
              onChange={(event) => set({ atLeast: event.currentTarget.value as Grade | "" })}
            >
              <option value="">{t("rules.anyGrade")}</option>
              {GRADES.map((one) => (
                <option key={one} value={one}>
                  {gradeWords(one)}
                </option>
              ))}
            </select>
          </Field>
        </div>
        <fieldset class="chips">
          <legend>{t("rules.kinds")}</legend>
          {EVENT_KINDS.map((kind) => (
            <label key={kind} class="chip">
              <input
                type="checkbox"
                checked={draft.kinds.includes(kind)}
                onChange={(event) =>
                  set({
                    kinds: event.currentTarget.checked
                      ? [...draft.kinds, kind]
                      : draft.kinds.filter((one) => one !== kind),
                  })
                }
              />
              {eventWords(kind)}
            </label>
          ))}
          <small class="dim">{t("rules.kindsHint")}</small>
        </fieldset>
        <fieldset class="chips">
          <legend>{t("rules.hours")}</legend>
          {DAYS.map((one) => (
            <label key={one} class="chip">
              <input
                type="checkbox"
                checked={(draft.days & (1 << one)) !== 0}
                onChange={() => set({ days: draft.days ^ (1 << one) || draft.days })}
              />
              {t(`rules.day.${one}`)}
            </label>
          ))}
          <input
            type="time"
            aria-label={t("events.from")}
            value={draft.from}
            onInput={(event) => set({ from: event.currentTarget.value })}
          />
          <span>–</span>
          <input
            type="time"
            aria-label={t("events.to")}
            value={draft.to}
            onInput={(event) => set({ to: event.currentTarget.value })}
          />
          <small class="dim">{t("rules.hoursHint")}</small>
        </fieldset>
        <div class="form-grid">
          <Field label={t("rules.count")}>
            <input
              type="number"
              min={1}
              max={1000}
              required
              value={draft.count}
              onInput={(event) => set({ count: Math.max(1, Math.min(1000, Number(event.currentTarget.value) || 1)) })}
            />
          </Field>
          <Field label={t("rules.withinField")}>
            <select value={draft.within_s} onChange={(event) => set({ within_s: Number(event.currentTarget.value) })}>
              {withOwn(SPANS, draft.within_s).map((one) => (
                <option key={one} value={one}>
                  {spanWords(one)}
                </option>
              ))}
            </select>
          </Field>
          <Field label={t("rules.perField")}>
            <select value={draft.per} onChange={(event) => set({ per: event.currentTarget.value as Draft["per"] })}>
              {PERS.map((one) => (
                <option key={one} value={one}>
                  {t(`rules.per.${one}`)}
                </option>
              ))}
            </select>
          </Field>
          <Field label={t("rules.quiet")}>
            <select value={draft.quiet_s} onChange={(event) => set({ quiet_s: Number(event.currentTarget.value) })}>
              {withOwn(QUIETS, draft.quiet_s).map((one) => (
                <option key={one} value={one}>
                  {one === 0 ? t("rules.quietNone") : spanWords(one)}
                </option>
              ))}
            </select>
          </Field>
        </div>
        <fieldset class="acts">
          <legend>{t("rules.then")}</legend>
          <label class="check">
            <input type="checkbox" checked={draft.popup} onChange={() => set({ popup: !draft.popup })} />
            {t("rules.act.popup")}
          </label>
          <Field label={t("rules.act.grade")}>
            <select value={draft.grade} onChange={(event) => set({ grade: event.currentTarget.value as Grade | "" })}>
              <option value="">{t("rules.leave")}</option>
              {GRADES.map((one) => (
                <option key={one} value={one}>
                  {gradeWords(one)}
                </option>
              ))}
            </select>
          </Field>
          <Field label={t("rules.act.incident")}>
            <select value={draft.incident} onChange={(event) => set({ incident: event.currentTarget.value })}>
              <option value="">{t("rules.leave")}</option>
              {INCIDENT_KINDS.map((one) => (
                <option key={one} value={one}>
                  {tCode("incident.kind", one)}
                </option>
              ))}
            </select>
          </Field>
          <label class="check">
            <input type="checkbox" checked={draft.notify} onChange={() => set({ notify: !draft.notify })} />
            {t("rules.act.notify")}
          </label>
          {draft.notify && (
            <Field label={t("rules.notifyText")}>
              <input
                maxLength={200}
                value={draft.notifyText}
                placeholder={draft.name}
                onInput={(event) => set({ notifyText: event.currentTarget.value })}
              />
            </Field>
          )}
        </fieldset>
        {nothing && <p class="notice warn">{t("rules.nothing")}</p>}
        {error && (
          <p class="notice bad" role="alert">
            {error}
          </p>
        )}
        {trial && <TrialResult trial={trial} />}
        <div class="actions">
          <Button label={t("app.cancel")} onClick={props.onClose} />
          <Button type="submit" icon="history" label={t("rules.tryOut")} disabled={busy || nothing} />
          <Button
            label={t("rules.saveOff")}
            disabled={busy || nothing || !draft.name.trim()}
            onClick={() => void save(false)}
          />
          <Button
            tone="accent"
            icon="zap"
            label={t("rules.saveOn")}
            title={trial ? undefined : t("rules.tryFirst")}
            disabled={busy || nothing || !draft.name.trim() || !trial}
            onClick={() => void save(true)}
          />
        </div>
        {!trial && !nothing && <p class="dim small">{t("rules.tryFirst")}</p>}
      </form>
    </Dialog>
  );
}

function TrialResult({ trial }: { trial: Trial }) {
  const most = Math.max(1, ...trial.days.map(([, n]) => n));
  return (
    <section class="trial" aria-live="polite">
      <h3>{t("rules.trial", { n: trial.fires })}</h3>
      <p>
        {t("rules.trialOf", { events: trial.events, matched: trial.matched })}
        {trial.cut && ` ${t("rules.trialCut")}`}
      </p>
      {trial.suppressed > 0 && (
        <p class="notice warn">{t("rules.trialFlood", { n: trial.suppressed, most: trial.busiest_minute })}</p>
      )}
      {trial.days.length > 0 && (
        <ul class="days">
          {trial.days.map(([day, n]) => (
            <li key={day}>
              <span>{day}</span>
              <i aria-hidden="true" style={{ width: `${(n / most) * 100}%` }} />
              <span>{n}</span>
            </li>
          ))}
        </ul>
      )}
      {trial.fired.length > 0 && (
        <ul class="fired-lines scroll" tabIndex={0} aria-label={t("rules.fired")}>
          {trial.fired.slice(0, 50).map((one) => (
            <li key={`${one.at}${one.event}`}>
              <span>{dayClock(Date.parse(one.at))}</span>
              <span class="grow clip">
                {one.camera
                  ? (cameras.value.get(one.camera as CameraCode)?.name ?? one.camera)
                  : regionPath(one.region as RegionCode)}
              </span>
              <span class="dim">{t("rules.counted", { n: one.count })}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
