/** Contingency plans: the list, and the editor of one. */
import { useEffect, useState } from "preact/hooks";
import { command } from "../api/command";
import { cameras, district, regionPath, user } from "../api/store";
import type { IncidentWall, Plan, PlanTask } from "../domain/command";
import { GRADES, type Grade } from "../domain/event";
import { type CameraCode, regionCode } from "../domain/ids";
import { t, tCode } from "../i18n/t";
import { gradeWords } from "../i18n/words";
import { CameraTree } from "../ui/camera-tree";
import { Button, Dialog, Empty, Field, Loading, problemWords, toast, toastProblem } from "../ui/widgets";
import { walls } from "../wall/walls";
import { INCIDENT_KINDS } from "./incident-form";
import { readPeople } from "./people";
import { RegionSelect } from "./region-select";
import { people, peopleWords } from "./words";

export function PlansView() {
  const [plans, setPlans] = useState<readonly Plan[] | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [editing, setEditing] = useState<Plan | null>(null);
  const handles = user.value?.role === "administrator" || user.value?.role === "operator";
  const read = async () => {
    const found = await command.plans();
    if (found.ok) setPlans(found.value);
    else setError(problemWords(found.problem));
  };
  useEffect(() => {
    void read();
    void readPeople(null);
  }, []);
  const fresh = (): Plan => ({
    id: "",
    name: "",
    region: district.value?.code ?? regionCode(""),
    kind: "",
    grade: null,
    tasks: [{ title: "", detail: "", owner: null, minutes: 30 }],
    camera_radius_m: 1000,
    camera_count: 9,
    cameras: [],
    wall: { tiles: 9, cameras: [] },
    tell: [],
    guidance: "",
  });
  return (
    <section class="page plans-view">
      <div class="page-head">
        <h2>{t("contingency.title")}</h2>
        {handles && (
          <Button icon="plus" tone="accent" label={t("contingency.new")} onClick={() => setEditing(fresh())} />
        )}
      </div>
      {error && <p class="notice bad">{error}</p>}
      {!plans && !error && <Loading />}
      {plans?.length === 0 && <Empty icon="zap" title={t("contingency.none")} hint={t("contingency.noneHint")} />}
      <ul class="plan-list">
        {plans?.map((plan) => (
          <li key={plan.id} class="card">
            <header>
              <h3>{plan.name}</h3>
              {handles && (
                <div class="actions">
                  <Button icon="pencil" label={t("app.edit")} onClick={() => setEditing(plan)} />
                </div>
              )}
            </header>
            <p>
              {regionPath(plan.region) || plan.region} · {tCode("incident.kind", plan.kind) ?? t("contingency.anyKind")}
              {plan.grade && ` · ${gradeWords(plan.grade)}`}
            </p>
            <ol>
              {plan.tasks.map((task, i) => (
                <li key={`${task.title}-${i}`}>
                  {task.title}
                  <span class="dim">
                    {" "}
                    {task.owner ? peopleWords(task.owner) : t("contingency.whoStarts")}
                    {task.minutes && ` · ${t("contingency.within", { n: task.minutes })}`}
                  </span>
                </li>
              ))}
            </ol>
            {plan.tell.length > 0 && (
              <p class="dim">
                {t("contingency.tells")} {plan.tell.map(peopleWords).join(", ")}
              </p>
            )}
          </li>
        ))}
      </ul>
      {editing && (
        <PlanEditor
          plan={editing}
          onClose={(changed) => {
            setEditing(null);
            if (changed) void read();
          }}
        />
      )}
    </section>
  );
}

/** Letters of the name that an id may have; where there are none, the day and the time. */
function idOf(name: string): string {
  const letters = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 40);
  return letters || `plan-${Date.now().toString(36)}`;
}

const TILES = [1, 4, 9, 16, 25] as const;

function PlanEditor({ plan, onClose }: { plan: Plan; onClose: (changed: boolean) => void }) {
  const [draft, setDraft] = useState<Plan>(plan);
  const [error, setError] = useState<string | null>(null);
  const [choosing, setChoosing] = useState(false);
  const [removing, setRemoving] = useState(false);
  const set = (part: Partial<Plan>) => setDraft({ ...draft, ...part });
  const setTask = (i: number, part: Partial<PlanTask>) =>
    set({ tasks: draft.tasks.map((task, n) => (n === i ? { ...task, ...part } : task)) });
  const move = (i: number, by: number) => {
    const tasks = [...draft.tasks];
    const [task] = tasks.splice(i, 1);
    if (task) tasks.splice(i + by, 0, task);
    set({ tasks });
  };
  const save = async () => {
    const saved = await command.putPlan({ ...draft, id: draft.id || idOf(draft.name), name: draft.name.trim() });
    if (!saved.ok) return setError(problemWords(saved.problem));
    toast(t("contingency.saved"));
    onClose(true);
  };
  const remove = async () => {
    const gone = await command.deletePlan(plan.id);
    if (!gone.ok) return toastProblem(gone.problem);
    onClose(true);
  };
  return (
    <Dialog title={plan.id ? t("contingency.edit") : t("contingency.new")} onClose={() => onClose(false)} wide>
      <form
        class="dialog-body plan-editor"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <div class="form-grid">
          <Field label={t("contingency.name")}>
            <input
              name="name"
              required
              maxLength={100}
              value={draft.name}
              onInput={(event) => set({ name: event.currentTarget.value })}
            />
          </Field>
          <RegionSelect label={t("contingency.region")} value={draft.region} onPick={(region) => set({ region })} />
          <Field label={t("incident.kind")}>
            <select value={draft.kind} onChange={(event) => set({ kind: event.currentTarget.value })}>
              <option value="">{t("contingency.anyKind")}</option>
              {INCIDENT_KINDS.map((kind) => (
                <option key={kind} value={kind}>
                  {tCode("incident.kind", kind)}
                </option>
              ))}
            </select>
          </Field>
          <Field label={t("incident.grade")}>
            <select
              value={draft.grade ?? ""}
              onChange={(event) => set({ grade: (event.currentTarget.value || null) as Grade | null })}
            >
              <option value="">{t("contingency.anyGrade")}</option>
              {GRADES.map((grade) => (
                <option key={grade} value={grade}>
                  {gradeWords(grade)}
                </option>
              ))}
            </select>
          </Field>
          <div class="full">
            <Field label={t("contingency.guidance")}>
              <textarea
                maxLength={4000}
                value={draft.guidance}
                onInput={(event) => set({ guidance: event.currentTarget.value })}
              />
            </Field>
          </div>
        </div>
        <fieldset>
          <legend>{t("task.title")}</legend>
          {draft.tasks.map((task, i) => (
            <div class="plan-task" key={i}>
              <span class="dim number">{i + 1}</span>
              <input
                required
                maxLength={200}
                aria-label={t("task.what")}
                placeholder={t("task.what")}
                value={task.title}
                onInput={(event) => setTask(i, { title: event.currentTarget.value })}
              />
              <select
                aria-label={t("task.owner")}
                value={task.owner ?? ""}
                onChange={(event) => setTask(i, { owner: event.currentTarget.value || null })}
              >
                <option value="">{t("contingency.whoStarts")}</option>
                {[...people.value.values()].map((one) => (
                  <option key={one.user} value={one.user}>
                    {peopleWords(one.user)}
                  </option>
                ))}
              </select>
              <input
                type="number"
                min={1}
                max={10_080}
                aria-label={t("task.minutes")}
                placeholder={t("task.minutes")}
                value={task.minutes ?? ""}
                onInput={(event) => setTask(i, { minutes: Number(event.currentTarget.value) || null })}
              />
              <Button
                icon="chevronDown"
                label={t("contingency.up")}
                class="turned"
                hideLabel
                disabled={i === 0}
                onClick={() => move(i, -1)}
              />
              <Button
                icon="chevronDown"
                label={t("contingency.down")}
                hideLabel
                disabled={i === draft.tasks.length - 1}
                onClick={() => move(i, 1)}
              />
              <Button
                icon="trash"
                label={t("app.delete")}
                hideLabel
                disabled={draft.tasks.length === 1}
                onClick={() => set({ tasks: draft.tasks.filter((_, n) => n !== i) })}
              />
            </div>
          ))}
          <Button
            icon="plus"
            label={t("contingency.addTask")}
            onClick={() => set({ tasks: [...draft.tasks, { title: "", detail: "", owner: null, minutes: null }] })}
          />
        </fieldset>
        <fieldset>
          <legend>{t("incident.cameras")}</legend>
          <div class="form-grid">
            <Field label={t("contingency.radius")} hint={t("contingency.radiusHint")}>
              <input
                type="number"
                min={0}
                max={50_000}
                value={draft.camera_radius_m}
                onInput={(event) => set({ camera_radius_m: Number(event.currentTarget.value) })}
              />
            </Field>
            <Field label={t("contingency.count")}>
              <input
                type="number"
                min={0}
                max={64}
                value={draft.camera_count}
                onInput={(event) => set({ camera_count: Number(event.currentTarget.value) })}
              />
            </Field>
            <Field label={t("contingency.wall")}>
              <select
                value={draft.wall?.tiles ?? ""}
                onChange={(event) => {
                  const tiles = Number(event.currentTarget.value);
                  const { cameras = [], ...rest } = draft.wall ?? {};
                  set({ wall: tiles ? { ...rest, tiles, cameras: cameras.slice(0, tiles) } : null });
                }}
              >
                <option value="">{t("contingency.noWall")}</option>
                {TILES.map((tiles) => (
                  <option key={tiles} value={tiles}>
                    {t("contingency.wallOf", { n: tiles })}
                  </option>
                ))}
              </select>
            </Field>
            {draft.wall && <ShowOn wall={draft.wall} onShow={(wall) => set({ wall })} />}
          </div>
          <ul class="chips">
            {draft.cameras.map((code) => (
              <li key={code}>
                <span class="clip">{cameras.value.get(code)?.name ?? code}</span>
                <Button
                  icon="x"
                  label={t("app.delete")}
                  hideLabel
                  onClick={() => set({ cameras: draft.cameras.filter((one) => one !== code) })}
                />
              </li>
            ))}
          </ul>
          <Button icon="plus" label={t("contingency.addCamera")} onClick={() => setChoosing(true)} />
        </fieldset>
        <fieldset>
          <legend>{t("contingency.tell")}</legend>
          <div class="chips">
            {[...people.value.values()].map((one) => (
              <label key={one.user} class="check">
                <input
                  type="checkbox"
                  checked={draft.tell.includes(one.user)}
                  onChange={(event) =>
                    set({
                      tell: event.currentTarget.checked
                        ? [...draft.tell, one.user]
                        : draft.tell.filter((user) => user !== one.user),
                    })
                  }
                />
                {peopleWords(one.user)}
              </label>
            ))}
          </div>
        </fieldset>
        {error && (
          <p class="notice bad" role="alert">
            {error}
          </p>
        )}
        <div class="actions">
          {plan.id && (
            <Button
              icon="trash"
              tone="danger"
              label={removing ? t("contingency.removeSure") : t("app.delete")}
              onClick={() => (removing ? void remove() : setRemoving(true))}
            />
          )}
          <Button label={t("app.cancel")} onClick={() => onClose(false)} />
          <Button type="submit" tone="accent" icon="check" label={t("app.save")} />
        </div>
      </form>
      {choosing && (
        <Dialog title={t("contingency.addCamera")} onClose={() => setChoosing(false)}>
          <div class="chooser">
            <CameraTree
              chosen={new Set(draft.cameras)}
              onPick={(code: CameraCode) =>
                set({
                  cameras: draft.cameras.includes(code)
                    ? draft.cameras.filter((one) => one !== code)
                    : [...draft.cameras, code].slice(0, 64),
                })
              }
            />
          </div>
        </Dialog>
      )}
    </Dialog>
  );
}

/** The screen of a shared wall that shows the plan's cameras as soon as it is started. */
function ShowOn({ wall, onShow }: { wall: IncidentWall; onShow: (wall: IncidentWall) => void }) {
  const halls = [...walls.value.values()].filter((one) => one.seat === null);
  const { show, ...rest } = wall;
  const value = show ? `${show.wall} ${show.screen}` : "";
  const known = halls.flatMap((one) =>
    one.screens.map((screen) => ({
      value: `${one.id} ${screen.screen}`,
      words: `${one.name} · ${screen.name || t("walls.screenN", { n: screen.screen })}`,
    })),
  );
  return (
    <Field label={t("contingency.showOn")}>
      <select
        value={value}
        onChange={(event) => {
          const [id, screen] = event.currentTarget.value.split(" ");
          onShow(id ? { ...rest, show: { wall: id, screen: Number(screen) } } : rest);
        }}
      >
        <option value="">{t("contingency.showNowhere")}</option>
        {value && !known.some((one) => one.value === value) && <option value={value}>{value}</option>}
        {known.map((one) => (
          <option key={one.value} value={one.value}>
            {one.words}
          </option>
        ))}
      </select>
    </Field>
  );
}
