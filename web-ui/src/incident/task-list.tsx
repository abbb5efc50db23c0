/** Tasks of an incident: who has what until when, how far it is, and what may be done about it. */
import { useEffect, useRef, useState } from "preact/hooks";
import { command, newKey } from "../api/command";
import { serverNow, user } from "../api/store";
import type { Incident, Step, Task } from "../domain/command";
import { isOpen } from "../domain/incident";
import { isOpenTask, stepsFor, wordsNeeded } from "../domain/task";
import { t } from "../i18n/t";
import { shortTime } from "../i18n/words";
import { Button, Dialog, Empty, Field } from "../ui/widgets";
import { settle } from "./settle";
import { dueWords, people, peopleWords, stepWords } from "./words";

export function TaskList({ incident, handles, may }: { incident: Incident; handles: boolean; may: boolean }) {
  const [giving, setGiving] = useState(false);
  const [taking, setTaking] = useState<{ task: Task; step: Step } | null>(null);
  const now = useClock();
  const order = [...incident.tasks].sort(
    (a, b) => Number(isOpenTask(b.progress)) - Number(isOpenTask(a.progress)) || a.number - b.number,
  );
  const take = async (task: Task, step: Step) => {
    if (wordsNeeded(step) || step === "reassign" || step === "submit") return setTaking({ task, step });
    await settle(
      incident.id,
      await command.step(incident.id, task.number, { step, note: "", revision: task.revision, key: newKey() }),
      t(`task.did.${step}`),
    );
  };
  return (
    <section class="card task-card">
      <header>
        <h3>{t("task.title")}</h3>
        {handles && isOpen(incident.state) && (
          <Button icon="plus" label={t("task.give")} onClick={() => setGiving(true)} />
        )}
      </header>
      {order.length === 0 && <Empty icon="check" title={t("task.none")} hint={t("task.noneHint")} />}
      <ul class="tasks scroll" hidden={order.length === 0}>
        {order.map((task) => (
          <TaskItem
            key={task.number}
            task={task}
            now={now}
            steps={may ? stepsFor(task, { user: user.value?.user ?? "", handles }) : []}
            onStep={(step) => void take(task, step)}
          />
        ))}
      </ul>
      {giving && <GiveDialog incident={incident} onClose={() => setGiving(false)} />}
      {taking && <StepDialog incident={incident} {...taking} onClose={() => setTaking(null)} />}
    </section>
  );
}

function useClock(): number {
  const [now, setNow] = useState(serverNow());
  useEffect(() => {
    const timer = setInterval(() => setNow(serverNow()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

function TaskItem(props: { task: Task; now: number; steps: readonly Step[]; onStep: (step: Step) => void }) {
  const { task, now, steps, onStep } = props;
  const due = dueWords(task, now);
  const late = task.overdue_at !== null && isOpenTask(task.progress);
  return (
    <li class={isOpenTask(task.progress) ? "task" : "task over"} data-task={task.number} data-progress={task.progress}>
      <div class="task-head">
        <span class="dim">#{task.number}</span>
        <strong class="grow">{task.title}</strong>
        <span class="state-word" data-progress={task.progress}>
          {t(`task.state.${task.progress}`)}
        </span>
      </div>
      {task.detail && <p class="dim">{task.detail}</p>}
      <p class="task-facts">
        <span>{peopleWords(task.owner)}</span>
        {task.deadline && (
          <span class={late ? "late" : ""}>
            {t("task.deadlineAt", { at: shortTime(task.deadline) })}
            {due && ` · ${due}`}
          </span>
        )}
        {late && <span class="mark late">{t("task.overdue")}</span>}
        {task.urged > 0 && <span class="mark">{t("task.urgedN", { n: task.urged })}</span>}
        {task.supervised_by && (
          <span class="mark">{t("task.supervisedBy", { by: peopleWords(task.supervised_by) })}</span>
        )}
        {task.last && (
          <span class="dim">
            {t(`task.did.${task.last.step}`)} · {peopleWords(task.last.by)} · {shortTime(task.last.at)}
          </span>
        )}
      </p>
      {steps.length > 0 && (
        <div class="actions start">
          {steps.map((step) => (
            <Button
              key={step}
              data-step={step}
              tone={step === "approve" || step === "acknowledge" ? "accent" : "plain"}
              label={stepWords(step)}
              onClick={() => onStep(step)}
            />
          ))}
        </div>
      )}
    </li>
  );
}

function GiveDialog({ incident, onClose }: { incident: Incident; onClose: () => void }) {
  const [title, setTitle] = useState("");
  const [detail, setDetail] = useState("");
  const [owner, setOwner] = useState("");
  const [minutes, setMinutes] = useState("");
  const key = useRef(newKey());
  const send = async () => {
    const deadline = minutes ? new Date(serverNow() + Number(minutes) * 60_000).toISOString() : null;
    const sent = command.give(incident.id, { title: title.trim(), detail, owner, deadline, key: key.current });
    if (await settle(incident.id, await sent, t("task.given"))) onClose();
  };
  return (
    <Dialog title={t("task.give")} onClose={onClose}>
      <form
        class="dialog-body"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <Field label={t("task.what")}>
          <input
            name="title"
            required
            maxLength={200}
            value={title}
            onInput={(event) => setTitle(event.currentTarget.value)}
          />
        </Field>
        <Field label={t("task.detail")}>
          <textarea maxLength={4000} value={detail} onInput={(event) => setDetail(event.currentTarget.value)} />
        </Field>
        <OwnerField value={owner} onPick={setOwner} label={t("task.owner")} />
        <Field label={t("task.minutes")} hint={t("task.minutesHint")}>
          <input
            name="minutes"
            type="number"
            min={1}
            max={10_080}
            value={minutes}
            onInput={(event) => setMinutes(event.currentTarget.value)}
          />
        </Field>
        <div class="actions">
          <Button label={t("app.cancel")} onClick={onClose} />
          <Button type="submit" tone="accent" icon="check" label={t("task.give")} disabled={!title.trim() || !owner} />
        </div>
      </form>
    </Dialog>
  );
}

export function OwnerField(props: { label: string; value: string; onPick: (user: string) => void; none?: string }) {
  return (
    <Field label={props.label}>
      <select name="owner" value={props.value} onChange={(event) => props.onPick(event.currentTarget.value)}>
        <option value="">{props.none ?? t("task.chooseOwner")}</option>
        {[...people.value.values()].map((one) => (
          <option key={one.user} value={one.user}>
            {peopleWords(one.user)} · {t(`role.${one.role}`)}
          </option>
        ))}
      </select>
    </Field>
  );
}

function StepDialog(props: { incident: Incident; task: Task; step: Step; onClose: () => void }) {
  const { incident, task, step, onClose } = props;
  const [note, setNote] = useState("");
  const [owner, setOwner] = useState("");
  const key = useRef(newKey());
  const send = async () => {
    const sent = command.step(incident.id, task.number, {
      step,
      note: note.trim(),
      revision: task.revision,
      key: key.current,
      ...(step === "reassign" ? { owner } : {}),
    });
    await settle(incident.id, await sent, t(`task.did.${step}`));
    onClose();
  };
  return (
    <Dialog title={`${stepWords(step)} #${task.number}`} onClose={onClose}>
      <form
        class="dialog-body"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <p>{task.title}</p>
        {step === "reassign" && <OwnerField value={owner} onPick={setOwner} label={t("task.newOwner")} />}
        <Field label={t("incident.note")}>
          <textarea
            name="note"
            maxLength={4000}
            required={wordsNeeded(step)}
            value={note}
            onInput={(event) => setNote(event.currentTarget.value)}
          />
        </Field>
        <div class="actions">
          <Button label={t("app.cancel")} onClick={onClose} />
          <Button
            type="submit"
            tone={step === "withdraw" ? "danger" : "accent"}
            icon="check"
            label={stepWords(step)}
            disabled={(step === "reassign" && !owner) || (wordsNeeded(step) && !note.trim())}
          />
        </div>
      </form>
    </Dialog>
  );
}
