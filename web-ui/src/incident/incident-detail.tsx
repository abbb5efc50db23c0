/** One incident: where it stands, its log, its tasks, its cameras and what is kept with it. */
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../api/client";
import { command, reportUrl } from "../api/command";
import { takeIncident, user } from "../api/store";
import { INCIDENT_STATES, type Incident, type IncidentState } from "../domain/command";
import { GRADES, type Grade } from "../domain/event";
import { isOpen, nextStates, noteRequired } from "../domain/incident";
import { formatNear } from "../domain/select";
import { language, t } from "../i18n/t";
import { shortTime } from "../i18n/words";
import { Icon } from "../ui/icon";
import { GradeMark } from "../ui/marks";
import { navigate } from "../ui/router";
import { Button, Choice, Dialog, Field } from "../ui/widgets";
import { usePhone } from "../wall/phone-wall";
import { GuestsDialog } from "./guests-dialog";
import { LinkedPanel } from "./linked-panel";
import { kindWords, LogForm, LogView } from "./log-view";
import { readPeople } from "./people";
import { settle } from "./settle";
import { StartPlanDialog } from "./start-plan";
import { TaskList } from "./task-list";
import { useLog } from "./use-log";
import { peopleWords } from "./words";

type Part = "log" | "tasks" | "cameras";
type Open = "grade" | "plan" | "guests" | IncidentState;

export function IncidentDetail({ incident, may }: { incident: Incident; may: boolean }) {
  const phone = usePhone();
  const [part, setPart] = useState<Part>("log");
  const [open, setOpen] = useState<Open | null>(null);
  const role = user.value?.role;
  const handles = role === "administrator" || role === "operator";
  const log = useLog(incident);
  const busy = useRef(false);
  useEffect(() => {
    // A list knows no log; the incident itself brings its newest entries.
    void api.incident(incident.id).then((found) => found.ok && takeIncident(found.value));
    void readPeople(incident.region);
  }, [incident.id]);
  const move = async (to: IncidentState, note: string) => {
    if (busy.current) return;
    busy.current = true;
    const done = await settle(
      incident.id,
      await command.transition(incident.id, incident.state, to, note),
      t("incident.justMoved"),
    );
    busy.current = false;
    if (done) setOpen(null);
  };
  const openTasks = incident.tasks.filter((task) => task.progress !== "done" && task.progress !== "withdrawn").length;
  const parts: readonly Part[] = ["log", "tasks", "cameras"];
  const shows = (one: Part) => !phone || part === one;
  return (
    <article class="incident-detail">
      <header>
        {phone && (
          <Button icon="x" label={t("app.close")} hideLabel onClick={() => navigate("/incidents", "replace")} />
        )}
        <GradeMark grade={incident.grade} words />
        <h2>{incident.title}</h2>
        <span class="dim">
          {incident.number} · {kindWords(incident.kind)} ·{" "}
          {t("incident.openedBy", { by: peopleWords(incident.opened_by), at: shortTime(incident.opened_at) })}
        </span>
        <Stages incident={incident} />
        <div class="actions start">
          {handles &&
            nextStates(incident.state).map((to) => (
              <Button
                key={to}
                tone={to === "closed" || (incident.state === "closed" && to === "handling") ? "plain" : "accent"}
                icon={
                  to === "closed" ? "check" : incident.state === "closed" && to === "handling" ? "undo" : "chevronRight"
                }
                label={incident.state === "closed" && to === "handling" ? t("incident.reopen") : t(`incident.to.${to}`)}
                onClick={() => (to === "graded" ? setOpen("grade") : setOpen(to))}
              />
            ))}
          {handles && isOpen(incident.state) && (
            <>
              <Button icon="zap" label={t("contingency.start")} onClick={() => setOpen("plan")} />
              <Button icon="gauge" label={t("incident.regrade")} onClick={() => setOpen("grade")} />
              <Button icon="link" label={t("guest.title")} onClick={() => setOpen("guests")} />
            </>
          )}
          {incident.place && (
            <Button
              icon="crosshair"
              label={t("map.nearby")}
              onClick={() => incident.place && navigate(`/map?near=${formatNear(incident.place)}`)}
            />
          )}
          {role !== "auditor" && (
            <Button
              icon="history"
              label={t("replay.title")}
              onClick={() => navigate(`/incidents?replay=${incident.id}`)}
            />
          )}
          <a class="button" href={reportUrl(incident.id, language.value)} target="_blank" rel="noreferrer">
            <Icon name="download" />
            <span>{t("incident.printReport")}</span>
          </a>
        </div>
      </header>
      <Told incident={incident} />
      {phone && (
        <Choice
          label={t("incident.title")}
          value={part}
          options={parts.map((one) => [one, partWords(one, openTasks)] as const)}
          onPick={setPart}
        />
      )}
      {shows("log") && (
        <section class="card log-card">
          <header>
            <h3>{t("incident.log")}</h3>
            <span class="dim">{t("incident.entries", { n: log.total.value })}</span>
          </header>
          <LogView log={log} incident={incident.id} />
          {may && incident.state !== "filed" && (
            <LogForm incident={incident} onDone={takeIncident} noteOnly={!handles} />
          )}
        </section>
      )}
      {shows("tasks") && <TaskList incident={incident} handles={handles} may={may} />}
      {shows("cameras") && <LinkedPanel incident={incident} handles={handles} may={may} />}
      {open === "grade" && <GradeDialog incident={incident} onClose={() => setOpen(null)} />}
      {open === "plan" && <StartPlanDialog incident={incident} onClose={() => setOpen(null)} />}
      {open === "guests" && <GuestsDialog incident={incident} onClose={() => setOpen(null)} />}
      {open !== null && INCIDENT_STATES.includes(open as IncidentState) && (
        <MoveDialog
          incident={incident}
          to={open as IncidentState}
          openTasks={openTasks}
          onMove={move}
          onClose={() => setOpen(null)}
        />
      )}
    </article>
  );
}

function partWords(part: Part, openTasks: number): string {
  if (part === "log") return t("incident.log");
  if (part === "cameras") return t("incident.cameras");
  return openTasks > 0 ? t("task.titleN", { n: openTasks }) : t("task.title");
}

/** The life of an incident as a line of steps; the one it stands at is marked, by words too. */
function Stages({ incident }: { incident: Incident }) {
  const at = INCIDENT_STATES.indexOf(incident.state);
  return (
    <ol class="stages" aria-label={t("incident.stages")}>
      {INCIDENT_STATES.map((stage, i) => (
        <li
          key={stage}
          class={i < at ? "past" : i === at ? "now" : ""}
          aria-current={i === at ? "step" : undefined}
          data-stage={stage}
        >
          <span class={i === at ? "state-word" : ""}>{t(`incident.state.${stage}`)}</span>
        </li>
      ))}
    </ol>
  );
}

/** Who is told by a plan, and who has said that they know. */
function Told({ incident }: { incident: Incident }) {
  if (incident.told.length === 0) return null;
  const me = user.value?.user;
  const waiting = incident.told.some((one) => one.user === me && !one.seen_at);
  const seen = incident.told.filter((one) => one.seen_at).length;
  return (
    <div class={waiting ? "notice warn told" : "notice told"}>
      <Icon name="bell" />
      <span class="grow">
        {t("incident.told", { seen, all: incident.told.length })}{" "}
        <span class="dim">
          {incident.told.map((one) => `${peopleWords(one.user)}${one.seen_at ? " ✓" : ""}`).join(", ")}
        </span>
      </span>
      {waiting && (
        <Button
          tone="accent"
          label={t("incident.iKnow")}
          onClick={async () => void settle(incident.id, await command.seen(incident.id))}
        />
      )}
    </div>
  );
}

function MoveDialog(props: {
  incident: Incident;
  to: IncidentState;
  openTasks: number;
  onMove: (to: IncidentState, note: string) => Promise<void>;
  onClose: () => void;
}) {
  const { incident, to, openTasks } = props;
  const [note, setNote] = useState("");
  const [error, setError] = useState<string | undefined>();
  const needed = noteRequired(incident.state, to);
  const back = incident.state === "closed" && to === "handling";
  return (
    <Dialog title={back ? t("incident.reopen") : t(`incident.to.${to}`)} onClose={props.onClose}>
      <form
        class="dialog-body move-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (needed && !note.trim()) return setError(back ? t("incident.reopenNote") : t("incident.noteNeeded"));
          void props.onMove(to, note.trim());
        }}
      >
        {to === "closed" && openTasks > 0 && <p class="notice warn">{t("incident.openTasks", { n: openTasks })}</p>}
        {to === "filed" && <p>{t("incident.filedHint")}</p>}
        <Field label={t("incident.note")} error={error}>
          <textarea value={note} maxLength={4000} onInput={(event) => setNote(event.currentTarget.value)} />
        </Field>
        <div class="actions">
          <Button label={t("app.cancel")} onClick={props.onClose} />
          <Button
            type="submit"
            tone="accent"
            icon="check"
            label={back ? t("incident.reopen") : t(`incident.to.${to}`)}
            disabled={to === "closed" && openTasks > 0}
          />
        </div>
      </form>
    </Dialog>
  );
}

/** Another grade with a reason, or, once it is verified, the grade that it has, confirmed. */
function GradeDialog({ incident, onClose }: { incident: Incident; onClose: () => void }) {
  const [grade, setGrade] = useState<Grade>(incident.grade);
  const [note, setNote] = useState("");
  const [error, setError] = useState<string | undefined>();
  const confirm = incident.state === "verified" && grade === incident.grade;
  const send = async () => {
    if (!confirm && !note.trim()) return setError(t("incident.gradeNote"));
    const sent = confirm
      ? command.transition(incident.id, incident.state, "graded", note.trim())
      : command.grade(incident.id, grade, note.trim());
    if (await settle(incident.id, await sent, t("incident.justMoved"))) onClose();
  };
  return (
    <Dialog title={t("incident.regrade")} onClose={onClose}>
      <form
        class="dialog-body"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <fieldset class="grades">
          <legend>{t("incident.grade")}</legend>
          {GRADES.map((one) => (
            <label key={one}>
              <input type="radio" name="grade" checked={one === grade} onChange={() => setGrade(one)} />
              <GradeMark grade={one} words />
            </label>
          ))}
        </fieldset>
        <Field label={t("incident.note")} error={error}>
          <textarea value={note} maxLength={4000} onInput={(event) => setNote(event.currentTarget.value)} />
        </Field>
        <div class="actions">
          <Button label={t("app.cancel")} onClick={onClose} />
          <Button
            type="submit"
            tone="accent"
            icon="check"
            label={confirm ? t("incident.confirmGrade") : t("incident.regrade")}
            disabled={!confirm && grade === incident.grade}
          />
        </div>
      </form>
    </Dialog>
  );
}
