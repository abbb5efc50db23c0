/** What is recorded of which camera and how long it is kept: one by one, or many at once. */
import { useMemo, useState } from "preact/hooks";
import { archive } from "../api/archive";
import { regionPath, user } from "../api/store";
import { PLAN_MODES, type PlanBody, type PlanMode, type RecordingPlan } from "../domain/recording";
import type { Kept, Retention, Storage } from "../domain/storage";
import { t, tCode } from "../i18n/t";
import { bytes, rate, regionName, shortTime } from "../i18n/words";
import { Button, Dialog, Empty, toastProblem } from "../ui/widgets";
import { FreeTargetStat } from "./free-target";
import { Read, RegionSelect, regionList, Stat, useRead } from "./parts";
import { daysWords, PlanForm, type Subject } from "./plan-form";
import { type Filter, isShort, matches } from "./plan-logic";

/** Rows that are drawn at once. */
const PAGE = 100;
const CLASSES = ["1", "2", "3", "4", "9"] as const;
const NONE: Filter = { text: "", region: "", siteClass: "", mode: "" };
interface Editing {
  readonly subject: Subject;
  readonly plan: PlanBody | null;
}

export function PlansTab() {
  const { value: all, error, again } = useRead(() => archive.retention(null), 30_000, []);
  const { value: plans, again: plansAgain } = useRead(archive.plans, 30_000, []);
  const { value: storage, again: storageAgain } = useRead(archive.storage, 30_000, []);
  const [filter, setFilter] = useState(NONE);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [shown, setShown] = useState(PAGE);
  const [editing, setEditing] = useState<Editing | null>(null);
  const [adding, setAdding] = useState(false);
  const may = user.value?.role === "administrator";
  const list = useMemo(() => (all?.cameras ?? []).filter((one) => matches(one, filter)), [all, filter]);
  const set = (part: Partial<Filter>) => {
    setFilter({ ...filter, ...part });
    setShown(PAGE);
  };
  const edit = async (list: readonly Kept[]) => {
    const [only] = list;
    if (list.length === 1 && only) {
      const answer = await archive.planOf(only.camera);
      if (!answer.ok) return toastProblem(answer.problem);
      return setEditing({ subject: { kind: "cameras", cameras: list }, plan: answer.value });
    }
    setEditing({ subject: { kind: "cameras", cameras: list }, plan: null });
  };
  const rule = (of: string, name: string, plan: PlanBody | null) =>
    setEditing({ subject: { kind: "rule", of, name }, plan: plan ?? { mode: "always" } });
  const picked = (all?.cameras ?? []).filter((one) => chosen.has(one.camera));
  const everyOne = list.length > 0 && list.every((one) => chosen.has(one.camera));

  if (!all) return <Read error={error} there={false} />;
  return (
    <>
      {error && <Read error={error} there />}
      <Room
        all={all}
        storage={storage}
        onTarget={() => {
          storageAgain();
          again();
        }}
      />
      <Rules
        plans={plans ?? []}
        may={may}
        onEdit={(plan) => rule(plan.of, plan.name ?? "", plan)}
        onDefault={() => rule("default", "", plans?.find((one) => one.of === "default") ?? null)}
        onAdd={() => setAdding(true)}
      />
      <div class="filters">
        <label class="find">
          <input
            type="search"
            aria-label={t("recplan.find")}
            placeholder={t("recplan.find")}
            value={filter.text}
            onInput={(event) => set({ text: event.currentTarget.value })}
          />
        </label>
        <div class="field">
          <RegionSelect
            label={t("recplan.region")}
            any={t("recplan.anyRegion")}
            value={filter.region}
            onPick={(region) => set({ region })}
          />
        </div>
        <div class="field">
          <select
            aria-label={t("recplan.class")}
            value={filter.siteClass}
            onChange={(event) => set({ siteClass: event.currentTarget.value })}
          >
            <option value="">{t("recplan.anyClass")}</option>
            {CLASSES.map((one) => (
              <option key={one} value={one}>
                {t(`siteClass.${one}`)}
              </option>
            ))}
            <option value="-">{t("storage.classOther")}</option>
          </select>
        </div>
        <div class="field">
          <select
            aria-label={t("recplan.mode")}
            value={filter.mode}
            onChange={(event) => set({ mode: event.currentTarget.value as PlanMode | "" })}
          >
            <option value="">{t("recplan.anyMode")}</option>
            {PLAN_MODES.map((one) => (
              <option key={one} value={one}>
                {t(`recplan.mode.${one}`)}
              </option>
            ))}
          </select>
        </div>
        <span class="grow" />
        {may ? (
          <div class="actions">
            <span class="dim" role="status">
              {t("recplan.selected", { n: picked.length })}
            </span>
            <Button
              icon="pencil"
              tone="accent"
              label={t("recplan.change")}
              disabled={picked.length === 0}
              onClick={() => void edit(picked)}
            />
          </div>
        ) : (
          <span class="dim">{t("recplan.readOnly")}</span>
        )}
      </div>
      {list.length === 0 ? (
        <div class="card">
          <Empty icon="cctv" title={t("recplan.none")} hint={t("recplan.noneHint")} />
        </div>
      ) : (
        <div class="card table-scroll" tabIndex={0} role="region" aria-label={t("recordings.plans")}>
          <table class="cards-on-phone plans-table">
            <thead>
              <tr>
                {may && (
                  <th class="tick">
                    <input
                      type="checkbox"
                      aria-label={t("recplan.selectAll")}
                      title={t("recplan.selectAll")}
                      checked={everyOne}
                      onChange={() => setChosen(everyOne ? new Set() : new Set(list.map((one) => one.camera)))}
                    />
                  </th>
                )}
                <th>{t("recplan.camera")}</th>
                <th>{t("recplan.class")}</th>
                <th>{t("recplan.mode")}</th>
                <th>{t("recplan.profile")}</th>
                <th class="number">{t("recplan.kept")}</th>
                <th>{t("recplan.oldest")}</th>
                <th class="number">{t("recplan.perDay")}</th>
                <th class="number">{t("recplan.rate")}</th>
                {may && <th aria-label={t("recplan.change")} />}
              </tr>
            </thead>
            <tbody>
              {list.slice(0, shown).map((one) => (
                <PlanRow
                  key={one.camera}
                  kept={one}
                  plans={plans ?? []}
                  fitsDays={all.fits_days}
                  may={may}
                  chosen={chosen.has(one.camera)}
                  onChoose={() => {
                    const next = new Set(chosen);
                    if (!next.delete(one.camera)) next.add(one.camera);
                    setChosen(next);
                  }}
                  onEdit={() => void edit([one])}
                />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {list.length > shown && (
        <div class="actions">
          <Button label={`${t("app.more")} (${list.length - shown})`} onClick={() => setShown(shown + PAGE)} />
        </div>
      )}
      {editing && (
        <PlanForm
          subject={editing.subject}
          plan={editing.plan}
          all={all}
          onClose={() => setEditing(null)}
          onDone={() => {
            setChosen(new Set());
            again();
            plansAgain();
          }}
        />
      )}
      {adding && (
        <Dialog title={t("recplan.addRegion")} onClose={() => setAdding(false)}>
          <ul class="dialog-body region-picks">
            {regionList().map(({ region, depth }) => (
              <li key={region.code}>
                <button
                  type="button"
                  class="button"
                  style={{ marginLeft: `${depth}rem` }}
                  onClick={() => {
                    setAdding(false);
                    rule(region.code, regionName(region), plans?.find((one) => one.of === region.code) ?? null);
                  }}
                >
                  {regionName(region)}
                </button>
              </li>
            ))}
          </ul>
        </Dialog>
      )}
    </>
  );
}

function Room({ all, storage, onTarget }: { all: Retention; storage: Storage | null; onTarget: () => void }) {
  const short = all.cameras.filter((one) => isShort(one, all.fits_days)).length;
  const days = daysWords(all.fits_days);
  return (
    <dl class="stats">
      <Stat
        label={t("recplan.room")}
        value={bytes(all.room_bytes)}
        hint={t("recplan.roomHint", { used: bytes(all.used_bytes), day: bytes(all.bytes_per_day) })}
      />
      <Stat
        label={t("recplan.fits")}
        value={/\d/.test(days) ? t("recplan.fitsDays", { n: days }) : days}
        warn={short > 0}
      />
      <Stat label={t("recplan.short")} value={short} hint={t("recplan.shortHint")} warn={short > 0} />
      {storage && (
        <>
          <FreeTargetStat storage={storage} onSet={onTarget} />
          <Stat
            label={t("recplan.floors")}
            value={
              <span class="floors">
                {storage.floor_days.length === 0 && t("app.none")}
                {storage.floor_days.map((one) => (
                  <span key={one.site_class}>
                    <small class="dim">{tCode("siteClass", one.site_class) ?? one.site_class}</small>{" "}
                    {t("recplan.daysOf", { n: one.days })}
                  </span>
                ))}
              </span>
            }
            hint={t("recplan.floorsHint")}
          />
        </>
      )}
    </dl>
  );
}

/** What holds where nothing more particular is said. */
function Rules({
  plans,
  may,
  onEdit,
  onDefault,
  onAdd,
}: {
  plans: readonly RecordingPlan[];
  may: boolean;
  onEdit: (plan: RecordingPlan) => void;
  onDefault: () => void;
  onAdd: () => void;
}) {
  const standing = plans.find((one) => one.of === "default");
  return (
    <section class="card rules">
      <h2>{t("recplan.defaults")}</h2>
      <button type="button" class="chip rule" disabled={!may} onClick={onDefault}>
        <strong>{t("recplan.of.default")}</strong>
        {t(`recplan.mode.${standing?.mode ?? "always"}`)}
      </button>
      {plans
        .filter((one) => one.kind === "region")
        .map((one) => (
          <button key={one.of} type="button" class="chip rule" disabled={!may} onClick={() => onEdit(one)}>
            <strong>{one.name ?? one.of}</strong>
            {t(`recplan.mode.${one.mode}`)}
          </button>
        ))}
      {may && <Button icon="plus" label={t("recplan.addRegion")} onClick={onAdd} />}
    </section>
  );
}

function PlanRow({
  kept,
  plans,
  fitsDays,
  may,
  chosen,
  onChoose,
  onEdit,
}: {
  kept: Kept;
  plans: readonly RecordingPlan[];
  fitsDays: number | null;
  may: boolean;
  chosen: boolean;
  onChoose: () => void;
  onEdit: () => void;
}) {
  const source =
    kept.of === "default"
      ? t("recplan.of.default")
      : kept.of === kept.camera
        ? t("recplan.of.camera")
        : (plans.find((one) => one.of === kept.of)?.name ?? kept.of);
  return (
    <tr data-camera={kept.camera} class={chosen ? "chosen" : ""}>
      {may && (
        <td class="tick">
          <input
            type="checkbox"
            aria-label={t("recplan.select", { name: kept.name })}
            checked={chosen}
            onChange={onChoose}
          />
        </td>
      )}
      <td class="main-cell">
        {kept.name}
        <small class="dim block">{regionPath(kept.region)}</small>
      </td>
      <td class="nowrap">{tCode("siteClass", kept.site_class) ?? t("storage.classOther")}</td>
      <td class="nowrap">
        {kept.recorded ? t(`recplan.mode.${kept.mode}`) : t("recplan.mode.off")}
        <small class="dim block">{kept.recorded ? source : t("recplan.notRecorded")}</small>
      </td>
      <td class="nowrap">{t(`recplan.profile.${kept.profile ?? "null"}` as "recplan.profile.null")}</td>
      <td class={`number nowrap ${isShort(kept, fitsDays) ? "warn-words" : ""}`}>
        {t("recplan.daysOf", { n: kept.kept_days })}
        {kept.floor_days > 0 && <small class="dim block">{t("recplan.floor", { n: kept.floor_days })}</small>}
      </td>
      <td class="nowrap dim">{kept.oldest ? shortTime(kept.oldest) : "—"}</td>
      <td class="number nowrap">{kept.bytes_per_day > 0 ? bytes(kept.bytes_per_day) : "—"}</td>
      <td class="number nowrap dim">{kept.rate_bps > 0 ? rate(kept.rate_bps) : "—"}</td>
      {may && (
        <td>
          <div class="actions nowrap">
            <Button icon="pencil" label={`${t("recplan.change")}: ${kept.name}`} hideLabel onClick={onEdit} />
          </div>
        </td>
      )}
    </tr>
  );
}
