/** What is recorded of some cameras, and how long it is kept: with what that means before it is said. */
import { useMemo, useState } from "preact/hooks";
import { archive } from "../api/archive";
import { cameras } from "../api/store";
import type { Profile } from "../domain/camera";
import { EVENT_KINDS, type EventKind } from "../domain/event";
import type { CameraCode } from "../domain/ids";
import { PLAN_MODES, type PlanBody, type PlanLock, type PlanMode } from "../domain/recording";
import type { Kept, Retention } from "../domain/storage";
import { t, tCode } from "../i18n/t";
import { bytes, eventWords } from "../i18n/words";
import { Button, Choice, Dialog, Field, problemWords, toast } from "../ui/widgets";
import { effect, emptyWeek, isAligned, MOST_WINDOWS, repaint, weekOf, windowsOf } from "./plan-logic";
import { WeekGrid } from "./week-grid";
import { WeekHours } from "./week-hours";

/** Whose plan it is: some cameras', with their days to keep, or what holds for a region or by default. */
export type Subject =
  | { readonly kind: "cameras"; readonly cameras: readonly Kept[] }
  | { readonly kind: "rule"; readonly of: string; readonly name: string };

const LOCK_KINDS = EVENT_KINDS.filter((kind) => ["motion", "frozen", "dark", "covered", "manual"].includes(kind));
const FIRST_LOCK: PlanLock = { before_s: 30, after_s: 60, days: 90, kinds: ["manual"] };

export function PlanForm({
  subject,
  plan,
  all,
  onClose,
  onDone,
}: {
  subject: Subject;
  /** What holds now; `null` where there is more than one. */
  plan: PlanBody | null;
  all: Retention;
  onClose: () => void;
  onDone: () => void;
}) {
  const chosen = subject.kind === "cameras" ? subject.cameras : [];
  const [mode, setMode] = useState<PlanMode | "keep">(plan?.mode ?? "keep");
  const [windows, setWindows] = useState(() => plan?.windows ?? windowsOf(emptyWeek(true)));
  const [pre, setPre] = useState(plan?.pre_s ?? 5);
  const [post, setPost] = useState(plan?.post_s ?? 30);
  const [profile, setProfile] = useState<Profile | null>(plan?.profile ?? null);
  const [lock, setLock] = useState<PlanLock | null>(plan?.lock ?? null);
  const [days, setDays] = useState(() => same(chosen.map((one) => one.keep_days)) ?? "");
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  const body: PlanBody | null =
    mode === "keep"
      ? null
      : {
          mode,
          profile,
          lock,
          ...(mode === "weekly" ? { windows } : {}),
          ...(mode === "on-event" ? { pre_s: pre, post_s: post } : {}),
        };
  const keepDays = subject.kind === "cameras" && days !== "" ? Number(days) : null;
  const weekFault =
    mode !== "weekly"
      ? null
      : windows.length === 0
        ? t("recplan.weekEmpty")
        : windows.some((one) => one.days === 0 || one.from_min >= one.to_min)
          ? t("recplan.weekBad")
          : windows.length > MOST_WINDOWS
            ? t("recplan.weekTooMany", { n: windows.length })
            : null;
  const daysFault = keepDays !== null && !(keepDays >= 1 && keepDays <= 3650 && Number.isInteger(keepDays));
  const changed = useMemo(() => {
    const codes =
      subject.kind === "cameras"
        ? subject.cameras.map((one) => one.camera as string)
        : // A rule changes those that take theirs from it, or would.
          all.cameras
            .filter(
              (one) =>
                one.of === subject.of || (subject.of === "default" ? one.of === "default" : under(one, subject.of)),
            )
            .map((one) => one.camera as string);
    return new Set(codes);
  }, [subject, all]);
  const means = effect(all, changed, { plan: body, keepDays }, knownRate);

  const save = async () => {
    if (subject.kind === "rule") return body ? await archive.setPlan(subject.of, body) : null;
    return await archive.setPlans({
      cameras: subject.cameras.map((one) => one.camera),
      ...(body ? { plan: body } : {}),
      ...(keepDays !== null ? { keep_days: keepDays } : {}),
    });
  };
  const submit = async (event: Event) => {
    event.preventDefault();
    if (weekFault || daysFault) return;
    setBusy(true);
    const answer = await save();
    setBusy(false);
    if (answer && !answer.ok) return setError(problemWords(answer.problem));
    toast(t("recplan.saved"));
    onDone();
    onClose();
  };
  const clear = async () => {
    const answer =
      subject.kind === "rule"
        ? await archive.clearPlan(subject.of)
        : await archive.setPlans({ cameras: subject.cameras.map((one) => one.camera), clear: true });
    if (!answer.ok) return setError(problemWords(answer.problem));
    toast(t("recplan.saved"));
    onDone();
    onClose();
  };
  const own = subject.kind === "rule" ? plan !== null : subject.cameras.some((one) => one.of === one.camera);
  const title =
    subject.kind === "rule"
      ? subject.of === "default"
        ? t("recplan.changeDefault")
        : t("recplan.changeOf", { name: subject.name })
      : subject.cameras.length === 1
        ? t("recplan.changeOf", { name: subject.cameras[0]?.name ?? "" })
        : t("recplan.changeMany", { n: subject.cameras.length });
  const modes: (readonly [PlanMode | "keep", string])[] = PLAN_MODES.map(
    (one) => [one, t(`recplan.mode.${one}`)] as const,
  );
  if (subject.kind === "cameras" && plan === null) modes.unshift(["keep", t("recplan.keepPlan")]);
  return (
    <Dialog title={title} onClose={onClose} wide>
      <form class="dialog-body plan-form" onSubmit={(event) => void submit(event)}>
        <div class="field">
          <span>{t("recplan.mode")}</span>
          <Choice label={t("recplan.mode")} value={mode} options={modes} onPick={setMode} />
        </div>
        {mode === "weekly" && (
          <div class="field">
            <span>{t("recplan.weekly")}</span>
            <WeekGrid week={weekOf(windows)} onChange={(week) => setWindows(repaint(windows, week))} />
            {!isAligned(windows) && <small>{t("recplan.weekRounded")}</small>}
            <WeekHours windows={windows} onChange={setWindows} />
            {weekFault && <em role="alert">{weekFault}</em>}
          </div>
        )}
        {mode === "on-event" && (
          <div class="form-grid">
            <Seconds
              label={t("recplan.pre")}
              hint={t("recplan.preHint")}
              value={pre}
              least={0}
              most={60}
              onInput={setPre}
            />
            <Seconds label={t("recplan.post")} value={post} least={1} most={3600} onInput={setPost} />
          </div>
        )}
        {mode !== "keep" && mode !== "off" && (
          <div class="field">
            <span>{t("recplan.profile")}</span>
            <Choice
              label={t("recplan.profile")}
              value={profile ?? "null"}
              options={(["null", "main", "sub"] as const).map((one) => [one, t(`recplan.profile.${one}`)] as const)}
              onPick={(one) => setProfile(one === "null" ? null : one)}
            />
          </div>
        )}
        {mode !== "keep" && <LockFields lock={lock} onChange={setLock} />}
        {subject.kind === "cameras" && (
          <div class="form-grid">
            <Field label={t("recplan.keepDays")} error={daysFault ? "1–3650" : undefined} hint={floorWords(chosen)}>
              <input
                type="number"
                min={1}
                max={3650}
                placeholder={t("recplan.keepDaysSame")}
                value={days}
                onInput={(event) => setDays(event.currentTarget.value)}
              />
            </Field>
          </div>
        )}
        <section class="effect" aria-live="polite">
          <h3>{t("recplan.effect")}</h3>
          <ul>
            <li>{t("recplan.effectRate", { before: bytes(means.before), after: bytes(means.after) })}</li>
            <li>
              {means.daysAfter === null || means.daysAfter > 366
                ? t("recplan.effectLong")
                : t("recplan.effectRoom", {
                    days: daysWords(means.daysAfter),
                    before: means.daysBefore === null ? "—" : daysWords(means.daysBefore),
                  })}
            </li>
            {means.tooLong !== null && <li class="warn-words">{t("recplan.effectShort", { days: means.tooLong })}</li>}
            {means.shortened > 0 && keepDays !== null && (
              <li class="warn-words">{t("recplan.effectDelete", { n: means.shortened, days: keepDays })}</li>
            )}
            {means.floored > 0 && <li>{t("recplan.effectFloor", { n: means.floored })}</li>}
            {means.byEvents > 0 && <li class="dim">{t("recplan.effectEvent")}</li>}
            {means.unknown > 0 && <li class="dim">{t("recplan.effectUnknown", { n: means.unknown })}</li>}
          </ul>
        </section>
        {error && (
          <p class="notice bad" role="alert">
            {error}
          </p>
        )}
        <div class="actions">
          {own && (
            <Button icon="undo" label={t("recplan.clear")} title={t("recplan.clearAsk")} onClick={() => void clear()} />
          )}
          <span class="grow" />
          <Button label={t("app.cancel")} onClick={onClose} />
          <Button
            type="submit"
            icon="check"
            tone="accent"
            label={
              subject.kind === "cameras" && chosen.length > 1
                ? t("recplan.apply", { n: chosen.length })
                : t("recplan.save")
            }
            disabled={busy || weekFault !== null || daysFault || (body === null && keepDays === null)}
          />
        </div>
      </form>
    </Dialog>
  );
}

export const daysWords = (days: number | null): string =>
  days === null || days > 366
    ? t("recplan.fitsLong")
    : String(days < 10 ? Math.floor(days * 10) / 10 : Math.floor(days));

const under = (camera: Kept, region: string): boolean =>
  camera.region.startsWith(region) &&
  camera.of !== camera.camera &&
  (camera.of === "default" || camera.of.length < region.length);

const same = (values: readonly number[]): string | null =>
  values.length > 0 && values.every((one) => one === values[0]) ? String(values[0]) : null;

const knownRate = (code: CameraCode, profile: Profile): number | null =>
  cameras.value.get(code)?.profiles?.[profile]?.bit_rate_bps ?? null;

/** The floors of the classes that are there. */
function floorWords(chosen: readonly Kept[]): string {
  const by = new Map<string, number>();
  for (const one of chosen) by.set(one.site_class, one.floor_days);
  return [...by.entries()]
    .slice(0, 3)
    .map(([site, days]) =>
      days > 0
        ? t("recplan.floorHint", { class: tCode("siteClass", site) ?? t("storage.classOther"), n: days })
        : t("recplan.floorNone"),
    )
    .join(" ");
}

function Seconds({
  label,
  hint,
  value,
  least,
  most,
  onInput,
}: {
  label: string;
  hint?: string;
  value: number;
  least: number;
  most: number;
  onInput: (value: number) => void;
}) {
  return (
    <Field label={label} hint={hint}>
      <input
        type="number"
        required
        min={least}
        max={most}
        value={value}
        onInput={(event) => onInput(Number(event.currentTarget.value))}
      />
    </Field>
  );
}

function LockFields({ lock, onChange }: { lock: PlanLock | null; onChange: (lock: PlanLock | null) => void }) {
  const toggle = (kinds: readonly EventKind[], kind: EventKind) =>
    kinds.includes(kind) ? kinds.filter((one) => one !== kind) : [...kinds, kind];
  return (
    <fieldset class={lock ? "lock-fields" : "lock-fields none"}>
      <legend>
        <label class="check">
          <input type="checkbox" checked={lock !== null} onChange={() => onChange(lock ? null : FIRST_LOCK)} />
          <span>{t("recplan.lock")}</span>
        </label>
      </legend>
      {lock && (
        <>
          <div class="form-grid">
            <Seconds
              label={t("recplan.lockBefore")}
              value={lock.before_s}
              least={0}
              most={86_400}
              onInput={(before_s) => onChange({ ...lock, before_s })}
            />
            <Seconds
              label={t("recplan.lockAfter")}
              value={lock.after_s}
              least={0}
              most={86_400}
              onInput={(after_s) => onChange({ ...lock, after_s })}
            />
            <Seconds
              label={t("recplan.lockDays")}
              value={lock.days}
              least={1}
              most={3650}
              onInput={(days) => onChange({ ...lock, days })}
            />
          </div>
          <div class="checks" role="group" aria-label={t("recplan.lockKinds")}>
            {LOCK_KINDS.map((kind) => (
              <label key={kind} class="check">
                <input
                  type="checkbox"
                  checked={lock.kinds.includes(kind)}
                  disabled={lock.kinds.length === 1 && lock.kinds.includes(kind)}
                  onChange={() => onChange({ ...lock, kinds: toggle(lock.kinds, kind) })}
                />
                <span>{eventWords(kind)}</span>
              </label>
            ))}
          </div>
        </>
      )}
    </fieldset>
  );
}
