/** In the field: my tasks, the incident and its map, the nearest pictures, and what is not yet sent. */
import "./responder.css";
import { useEffect, useMemo, useState } from "preact/hooks";
import { command } from "../api/command";
import { cameras, openIncidents, takeIncident, user } from "../api/store";
import type { Incident, ListedTask, Step } from "../domain/command";
import { metresBetween } from "../domain/geo";
import type { CameraCode } from "../domain/ids";
import type { Place } from "../domain/region";
import { t } from "../i18n/t";
import { clock, distanceWords, shortTime } from "../i18n/words";
import { reporting } from "../incident/report";
import { dueWords } from "../incident/words";
import { Icon } from "../ui/icon";
import { lazyPage } from "../ui/lazy";
import { GradeMark, StateMark } from "../ui/marks";
import { setTheme, theme } from "../ui/shell";
import { Button, Choice, Empty, toast, toastProblem } from "../ui/widgets";
import { LiveTile } from "../wall/live-tile";
import { fieldNow, followField, incidentOf, myIncidents, myTasks, reachable, readAt } from "./field-store";
import { outbox, startOutbox, stopOutbox } from "./outbox";
import { project } from "./outbox-core";
import { OutboxBar } from "./outbox-panel";
import { endShare, here, locate, share, sharedUntil } from "./place";
import { saver, setSaver } from "./saver";
import { SayForm, type Saying, sayStep } from "./say-form";
import { ViewerMark } from "./viewer-mark";

const FieldMap = lazyPage(() => import("./field-map"));
const NEAREST = 8;
const SHARE_MIN = 120;

type Part = "tasks" | "map" | "cameras";

export default function ResponderPage() {
  const me = user.value?.user ?? "";
  const [part, setPart] = useState<Part>("tasks");
  const [saying, setSaying] = useState<Saying | null>(null);
  useEffect(() => {
    void startOutbox(me);
    const unfollow = followField(me);
    return () => {
      unfollow();
      stopOutbox();
    };
  }, [me]);
  return (
    <div class="page field-page">
      <div class="page-head">
        <h1>{t("field.title")}</h1>
        <Button
          icon="siren"
          label={t("report.title")}
          onClick={() => {
            reporting.value = { camera: null };
          }}
        />
        <FieldTools />
      </div>
      <OutboxBar />
      {!reachable.value && (
        <p class="notice warn" role="status">
          <Icon name="info" />
          {readAt.value === null
            ? t("field.offlineNothing")
            : t("field.offlineSince", { at: shortTime(new Date(readAt.value).toISOString()) })}
        </p>
      )}
      <Choice
        label={t("field.title")}
        value={part}
        options={[
          ["tasks", t("field.tasksN", { n: myTasks.value.length })],
          ["map", t("nav.map")],
          ["cameras", t("field.pictures")],
        ]}
        onPick={setPart}
      />
      {part === "tasks" && <MyTasks onSay={setSaying} />}
      {part === "map" && (
        <section class="card field-map-card">
          <FieldMap />
        </section>
      )}
      {part === "cameras" && <Nearby />}
      {saying && (
        <SayForm
          of={saying}
          title={saying.step ? t(`task.step.${saying.step}`) : t("field.report")}
          onClose={() => setSaying(null)}
        />
      )}
    </div>
  );
}

function FieldTools() {
  const light = theme.value === "light";
  const sharing = sharedUntil.value;
  return (
    <div class="actions">
      <Button
        icon="mapPin"
        aria-pressed={sharing !== null}
        label={sharing === null ? t("field.share") : t("field.sharing", { at: clock(sharing) })}
        onClick={() => {
          if (sharing !== null) void endShare();
          else share(SHARE_MIN, () => toast(t("field.noPosition"), true));
        }}
      />
      <Button
        icon="trendingDown"
        aria-pressed={saver.value}
        label={t("field.saver")}
        onClick={() => setSaver(!saver.value)}
      />
      <Button
        icon={light ? "moon" : "sun"}
        label={light ? t("top.themeDark") : t("top.theme")}
        hideLabel
        onClick={() => setTheme(light ? "dark" : "light")}
      />
    </div>
  );
}

function MyTasks({ onSay }: { onSay: (saying: Saying) => void }) {
  const [now, setNow] = useState(fieldNow());
  useEffect(() => {
    const timer = setInterval(() => setNow(fieldNow()), 1000);
    return () => clearInterval(timer);
  }, []);
  const tasks = myTasks.value;
  const others = myIncidents.value.filter((one) => !tasks.some((task) => task.incident === one.id));
  return (
    <div class="field-grid">
      {tasks.length === 0 && (
        <section class="card">
          <Empty icon="check" title={t("field.noTasks")} hint={t("field.noTasksHint")} />
        </section>
      )}
      {tasks.map((one) => (
        <MyTask key={`${one.incident}/${one.task.number}`} listed={one} now={now} onSay={onSay} />
      ))}
      {others.map((incident) => (
        <Involved key={incident.id} incident={incident} onSay={onSay} />
      ))}
    </div>
  );
}

/** What one presses next; feeding back from a task that was only acknowledged begins it, too. */
function buttons(progress: ListedTask["task"]["progress"]): readonly { step: Step; before: readonly Step[] }[] {
  switch (progress) {
    case "assigned":
      return [{ step: "acknowledge", before: [] }];
    case "acknowledged":
      return [
        { step: "begin", before: [] },
        { step: "feed-back", before: ["begin"] },
      ];
    case "underway":
    case "fed-back":
    case "sent-back":
      return [
        { step: "feed-back", before: [] },
        { step: "submit", before: [] },
      ];
    default:
      return [];
  }
}

function MyTask({ listed, now, onSay }: { listed: ListedTask; now: number; onSay: (saying: Saying) => void }) {
  const task = project(listed.task, listed.incident, outbox.value);
  const pending = outbox.value.some((one) => one.incident === listed.incident && one.task === task.number);
  const due = dueWords(task, now);
  const late = task.deadline !== null && Date.parse(task.deadline) < now;
  const saying = {
    incident: listed.incident,
    incidentNumber: listed.incident_number,
    title: `#${task.number} ${task.title}`,
    task: task.number,
  };
  return (
    <section class="card my-task" data-incident={listed.incident} data-task={task.number} data-progress={task.progress}>
      <header>
        <GradeMark grade={listed.grade} words />
        <span class="state-word">{t(`task.state.${task.progress}`)}</span>
      </header>
      <div class="my-task-body">
        <h2>{task.title}</h2>
        {task.detail && <p>{task.detail}</p>}
        <p class="dim">
          {listed.incident_title} · {listed.incident_number}
        </p>
        {task.deadline && (
          <p class={late ? "late" : ""}>
            {t("task.deadlineAt", { at: shortTime(task.deadline) })}
            {due && ` · ${due}`}
          </p>
        )}
        {task.urged > 0 && <p class="late">{t("task.urgedN", { n: task.urged })}</p>}
        {task.progress === "sent-back" && <SentBack listed={listed} />}
        {pending && <p class="dim">{t("field.pending")}</p>}
        <div class="my-task-actions">
          {buttons(task.progress).map(({ step, before }, i) => (
            <Button
              key={step}
              data-step={step}
              tone={i === 0 ? "accent" : "plain"}
              label={t(`task.step.${step}`)}
              onClick={() =>
                step === "feed-back"
                  ? onSay({ ...saying, step, before })
                  : void sayStep({ ...saying, step: null }, step).then((kept) => {
                      if (!kept) toast(t("field.notKept"), true);
                    })
              }
            />
          ))}
          {task.progress === "review" && <p>{t("field.inReview")}</p>}
        </div>
      </div>
    </section>
  );
}

/** Why it came back, in the reviewer's words. */
function SentBack({ listed }: { listed: ListedTask }) {
  const log = incidentOf(listed.incident)?.log ?? [];
  const entry = [...log].reverse().find((one) => one.task === listed.task.number && one.step === "send-back");
  return entry ? <p class="notice warn">{t("field.sentBack", { note: entry.note })}</p> : null;
}

function Involved({ incident, onSay }: { incident: Incident; onSay: (saying: Saying) => void }) {
  const me = user.value?.user;
  const waiting = incident.told.some((one) => one.user === me && !one.seen_at);
  return (
    <section class="card my-task">
      <header>
        <GradeMark grade={incident.grade} words />
        <span class="state-word">{t(`incident.state.${incident.state}`)}</span>
      </header>
      <div class="my-task-body">
        <h2>{incident.title}</h2>
        <p class="dim">
          {incident.number} · {shortTime(incident.opened_at)}
        </p>
        <div class="my-task-actions">
          {waiting && (
            <Button
              tone="accent"
              label={t("incident.iKnow")}
              onClick={async () => {
                const seen = await command.seen(incident.id);
                if (seen.ok) takeIncident(seen.value);
                else toastProblem(seen.problem);
              }}
            />
          )}
          <Button
            label={t("field.report")}
            onClick={() =>
              onSay({
                incident: incident.id,
                incidentNumber: incident.number,
                title: incident.title,
                task: null,
                step: null,
              })
            }
          />
        </div>
      </div>
    </section>
  );
}

/** Pictures of my incidents first, then the nearest; one plays at a time, at the rate that the line carries. */
function Nearby() {
  const [playing, setPlaying] = useState<CameraCode | null>(null);
  const incident = myIncidents.value[0] ?? openIncidents.value[0];
  const from: Place | null = here.value ?? myTasks.value[0]?.place ?? incident?.place ?? null;
  const linked = new Set(myIncidents.value.flatMap((one) => [...one.cameras]));
  const nearest = useMemo(() => {
    const list = [...cameras.value.values()].filter((camera) => camera.state !== "disabled");
    const far = (place: Place | null) => (from && place ? metresBetween(from, place) : Number.POSITIVE_INFINITY);
    return list
      .map((camera) => ({ camera, metres: far(camera.place), linked: linked.has(camera.code) }))
      .sort(
        (a, b) =>
          Number(b.linked) - Number(a.linked) ||
          a.metres - b.metres ||
          a.camera.name.localeCompare(b.camera.name, "zh"),
      )
      .slice(0, NEAREST);
  }, [cameras.value, from, linked.size]);
  return (
    <section class="card">
      <header>
        <h2>{t("field.nearby")}</h2>
        <Button
          icon="mapPin"
          label={t("field.locate")}
          onClick={async () => {
            if (!(await locate())) toast(t("field.noPosition"), true);
          }}
        />
      </header>
      {nearest.length === 0 && <Empty icon="cctv" title={t("wall.noCameras")} hint={t("wall.noCamerasHint")} />}
      <ul>
        {nearest.map(({ camera, metres, linked: mine }) => (
          <li key={camera.code}>
            <button
              type="button"
              class="near"
              aria-expanded={playing === camera.code}
              onClick={() => setPlaying(playing === camera.code ? null : camera.code)}
            >
              <StateMark state={camera.state} />
              <span class="clip grow">{camera.name}</span>
              {mine && <span class="state-word">{t("field.linked")}</span>}
              <span class="dim">{Number.isFinite(metres) ? distanceWords(metres) : ""}</span>
            </button>
            {playing === camera.code && (
              <div class="near-live">
                <div class="picture-box">
                  <LiveTile code={camera.code} profile={saver.value ? "sub" : "auto"} priority="viewer" />
                  <ViewerMark />
                </div>
              </div>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}
