/** Starting a plan: all that it would do is shown, and one press does it. */
import { useEffect, useRef, useState } from "preact/hooks";
import { command, newKey } from "../api/command";
import { user } from "../api/store";
import type { Incident, Plan } from "../domain/command";
import { t } from "../i18n/t";
import { Icon } from "../ui/icon";
import { GradeMark } from "../ui/marks";
import { navigate } from "../ui/router";
import { Button, Dialog, Empty, Loading, problemWords } from "../ui/widgets";
import { walls } from "../wall/walls";
import { settle } from "./settle";
import { OwnerField } from "./task-list";
import { peopleWords } from "./words";

export function StartPlanDialog({ incident, onClose }: { incident: Incident; onClose: () => void }) {
  const [plans, setPlans] = useState<readonly Plan[] | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [chosen, setChosen] = useState<string | null>(null);
  const [owner, setOwner] = useState(user.value?.user ?? "");
  const [busy, setBusy] = useState(false);
  // The same for every press of this dialog: what was started, though the answer was lost, is not started twice.
  const key = useRef(newKey());
  useEffect(() => {
    void command.plans().then((found) => {
      if (!found.ok) return setError(problemWords(found.problem));
      const usable = found.value.filter((plan) => (incident.region ?? "").startsWith(plan.region));
      setPlans(usable.sort((a, b) => fit(b, incident) - fit(a, incident)));
      setChosen(usable[0]?.id ?? null);
    });
  }, []);
  const plan = plans?.find((one) => one.id === chosen);
  const started = plan ? incident.plans.includes(plan.id) : false;
  const start = async () => {
    if (!plan) return;
    setBusy(true);
    const sent = await command.startPlan(incident.id, plan.id, owner || null, key.current);
    setBusy(false);
    if (await settle(incident.id, sent, t("contingency.started", { name: plan.name }))) onClose();
  };
  return (
    <Dialog title={t("contingency.start")} onClose={onClose} wide>
      <div class="dialog-body plan-start">
        {error && <p class="notice bad">{error}</p>}
        {!plans && !error && <Loading />}
        {plans?.length === 0 && (
          <>
            <Empty icon="zap" title={t("contingency.none")} hint={t("contingency.noneHint")} />
            <Button icon="plus" label={t("contingency.manage")} onClick={() => navigate("/incidents?view=plans")} />
          </>
        )}
        {plans && plans.length > 0 && (
          <div class="plan-choice" role="radiogroup" aria-label={t("contingency.title")}>
            {plans.map((one) => (
              <label key={one.id} class="plan-option">
                <input type="radio" name="plan" checked={one.id === chosen} onChange={() => setChosen(one.id)} />
                <span class="grow">
                  <strong>{one.name}</strong>
                  <small class="dim">
                    {t("contingency.facts", {
                      tasks: one.tasks.length,
                      cameras: one.cameras.length + one.camera_count,
                    })}
                    {incident.plans.includes(one.id) && ` · ${t("contingency.running")}`}
                  </small>
                </span>
                {one.grade && <GradeMark grade={one.grade} />}
              </label>
            ))}
          </div>
        )}
        {plan && (
          <>
            {plan.guidance && <p class="notice">{plan.guidance}</p>}
            <Preview plan={plan} owner={owner} />
            {plan.tasks.some((task) => !task.owner) && (
              <OwnerField label={t("contingency.owner")} value={owner} onPick={setOwner} />
            )}
            <div class="actions">
              <Button label={t("app.cancel")} onClick={onClose} />
              <Button
                tone="accent"
                icon="zap"
                label={t("contingency.startAll")}
                disabled={busy || started || (!owner && plan.tasks.some((task) => !task.owner))}
                onClick={() => void start()}
              />
            </div>
          </>
        )}
      </div>
    </Dialog>
  );
}

/** How well a plan is meant for an incident: its kind counts more than its grade. */
const fit = (plan: Plan, incident: Incident): number =>
  (plan.kind === incident.kind ? 2 : plan.kind ? -2 : 0) + (plan.grade === incident.grade ? 1 : 0);

function Preview({ plan, owner }: { plan: Plan; owner: string }) {
  const around = plan.camera_radius_m > 0 && plan.camera_count > 0;
  return (
    <div class="plan-preview">
      <h4>{t("contingency.does")}</h4>
      <ol>
        {plan.tasks.map((task, i) => (
          <li key={`${task.title}-${i}`}>
            <strong>{task.title}</strong>
            <span class="dim">
              {peopleWords(task.owner ?? owner)}
              {task.minutes && ` · ${t("contingency.within", { n: task.minutes })}`}
            </span>
          </li>
        ))}
      </ol>
      <p>
        <Icon name="cctv" size={1} />{" "}
        {around
          ? t("contingency.camerasAround", { n: plan.cameras.length, m: plan.camera_radius_m, most: plan.camera_count })
          : t("contingency.camerasFixed", { n: plan.cameras.length })}
        {plan.wall && ` · ${t("contingency.wallOf", { n: plan.wall.tiles })}`}
        {plan.wall?.show &&
          ` → ${walls.value.get(plan.wall.show.wall)?.name ?? plan.wall.show.wall} ${t("walls.screenN", { n: plan.wall.show.screen })}`}
      </p>
      {plan.tell.length > 0 && (
        <p>
          <Icon name="bell" size={1} /> {t("contingency.tells")} {plan.tell.map(peopleWords).join(", ")}
        </p>
      )}
    </div>
  );
}
