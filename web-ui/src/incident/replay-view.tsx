/** Replay of an incident (复盘): the map, the log, the tasks and up to nine cameras on one clock. */
import "./replay.css";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { api } from "../api/client";
import { command } from "../api/command";
import { cameras, serverNow } from "../api/store";
import type { Incident, LogEntry } from "../domain/command";
import { type CameraCode, incidentId } from "../domain/ids";
import { t } from "../i18n/t";
import { clock, dayClock, duration } from "../i18n/words";
import type { Mark } from "../map/incident-map";
import { keepPlayback } from "../playback/open-playback";
import { MOST_CAMERAS } from "../playback/place";
import type { PaneView, Playback } from "../playback/playback";
import { Icon } from "../ui/icon";
import { IncidentMapView } from "../ui/incident-map-view";
import { GradeMark } from "../ui/marks";
import { navigate, where } from "../ui/router";
import { Button, Empty, Loading, problemWords } from "../ui/widgets";
import { LogLine } from "./log-view";
import { readPeople } from "./people";
import { countAt, drawnBy, stateAfter } from "./replay-state";
import { peopleWords } from "./words";

/** Shown before the report and after the end, ms. */
const MARGIN_MS = 30_000;
const SPEEDS = [0.25, 0.5, 1, 2, 4, 8, 16, 60, 300] as const;
/** Faster than this no film plays; the pictures are then sought one after the other. */
const FILM_SPEED = 16;
const SEEK_EVERY_MS = 900;
/** Films that stand still for so long while they should play (there are none any more, or the line is dead) are not waited for, ms. */
const PATIENCE_MS = 4000;
const TICK_MS = 100;
const SHOWN_ENTRIES = 40;

export default function ReplayView() {
  const id = incidentId(where.value.search.get("replay") ?? "");
  const [found, setFound] = useState<{ incident: Incident; log: readonly LogEntry[] } | null>(null);
  const [error, setError] = useState<string | null>(null);
  useEffect(() => {
    let gone = false;
    const read = async () => {
      const incident = await api.incident(id);
      if (!incident.ok) return setError(problemWords(incident.problem));
      void readPeople(incident.value.region);
      const log: LogEntry[] = [];
      for (;;) {
        const page = await command.log(
          id,
          log.length > 0 ? { after: log.length - 1, limit: 1000 } : { before: 1000, limit: 1000 },
        );
        if (!page.ok) return setError(problemWords(page.problem));
        log.push(...page.value.entries);
        if (page.value.entries.length === 0 || log.length >= page.value.total) break;
      }
      if (!gone) setFound({ incident: incident.value, log });
    };
    void read();
    return () => {
      gone = true;
    };
  }, [id]);
  if (error) return <Empty icon="history" title={error} />;
  if (!found) return <Loading />;
  return <Replay {...found} />;
}

function Replay({ incident, log }: { incident: Incident; log: readonly LogEntry[] }) {
  const times = useMemo(() => log.map((entry) => Date.parse(entry.at)), [log]);
  const from = Date.parse(incident.opened_at) - MARGIN_MS;
  const last = Math.max(times.at(-1) ?? from, incident.closed_at ? Date.parse(incident.closed_at) : 0);
  const to = Math.min(serverNow() - 2000, last + MARGIN_MS);
  const codes = useMemo(() => incident.cameras.slice(0, MOST_CAMERAS), []);
  const [at, setAt] = useState(from + MARGIN_MS);
  const [playing, setPlaying] = useState(false);
  const [speed, setSpeed] = useState<number>(4);
  const playback = usePlayback(codes, at);
  /** The films' clock stands still: the log goes on by its own. */
  const [alone, setAlone] = useState(false);
  const films = playback !== null && speed <= FILM_SPEED && !alone;
  const now = useRef({ at });
  now.current = { at };
  const seek = (time: number) => {
    const there = Math.min(Math.max(time, from), to);
    setAt(there);
    setAlone(false);
    playback?.seek(there);
  };
  useEffect(() => playback?.seek(now.current.at), [playback]);
  useEffect(() => playback?.setRate(playing && films ? speed : 0), [playback, playing, films, speed]);
  useEffect(() => {
    if (!playing) return;
    let before = performance.now();
    let sought = 0;
    let moved = before;
    const timer = setInterval(() => {
      const passed = performance.now() - before;
      before += passed;
      // Where there are films, all goes by their clock; else by this one, and pictures are sought now and then.
      const next = Math.min(to, films ? (playback.at.peek() ?? now.current.at) : now.current.at + passed * speed);
      if (next !== now.current.at) moved = before;
      setAt(next);
      if (next >= to) setPlaying(false);
      if (films) {
        if (before - moved > PATIENCE_MS) setAlone(true);
      } else if (before - sought >= SEEK_EVERY_MS) {
        sought = before;
        playback?.seek(next);
      }
    }, TICK_MS);
    return () => clearInterval(timer);
  }, [playing, speed, playback, films]);
  const count = countAt(times, at);
  const then = useMemo(() => stateAfter(log, count), [log, count]);
  const shown = useMemo(() => log.slice(Math.max(0, count - SHOWN_ENTRIES), count).reverse(), [log, count]);
  return (
    <article class="replay" data-at={Math.round(at)} data-entries={count}>
      <header>
        <Button icon="undo" label={t("replay.back")} onClick={() => navigate(`/incidents?id=${incident.id}`)} />
        <GradeMark grade={incident.grade} words />
        <h1>
          {t("replay.title")} · {incident.title}
        </h1>
        <span class="state-word">{t(`incident.state.${then.state}`)}</span>
        <span class="dim">{incident.number}</span>
      </header>
      <section class="replay-films" aria-label={t("incident.cameras")} data-count={codes.length}>
        {codes.length === 0 && <Empty icon="cctv" title={t("replay.noCameras")} />}
        {codes.map((code, i) => (
          <Film key={code} code={code} pane={playback?.panes[i]} />
        ))}
      </section>
      <section class="replay-map card">
        <ReplayMap incident={incident} log={log} count={count} />
      </section>
      <section class="replay-log card">
        <header>
          <h2>{t("replay.log")}</h2>
          <span class="dim">
            {count} / {log.length}
          </span>
        </header>
        <ol class="log scroll" tabIndex={0} aria-label={t("replay.log")}>
          {shown.map((entry) => (
            <li key={entry.n} data-n={entry.n}>
              <LogLine entry={entry} incident={incident.id} />
            </li>
          ))}
        </ol>
        {then.tasks.length > 0 && (
          <ul class="replay-tasks" aria-label={t("replay.tasks")}>
            {then.tasks.map((task) => (
              <li key={task.number} data-task={task.number} data-progress={task.progress}>
                <span class="clip grow">
                  #{task.number} {task.title}
                </span>
                <span class="state-word">{t(`task.state.${task.progress}`)}</span>
              </li>
            ))}
          </ul>
        )}
      </section>
      <footer>
        <Button
          icon="skipBack"
          label={t("replay.before")}
          hideLabel
          onClick={() => seek((times[Math.max(0, count - 2)] ?? from) + 1)}
        />
        <Button
          tone="accent"
          icon={playing ? "pause" : "play"}
          label={playing ? t("replay.pause") : t("replay.play")}
          onClick={() => {
            if (!playing && at >= to) seek(from);
            setPlaying(!playing);
          }}
        />
        <Button
          icon="skipForward"
          label={t("replay.next")}
          hideLabel
          disabled={count >= log.length}
          onClick={() => seek((times[count] ?? to) + 1)}
        />
        <label class="replay-speed">
          <span class="dim">{t("replay.speed")}</span>
          <select value={speed} onChange={(event) => setSpeed(Number(event.currentTarget.value))}>
            {SPEEDS.map((one) => (
              <option key={one} value={one}>
                {t("replay.times", { n: one })}
              </option>
            ))}
          </select>
        </label>
        <div class="replay-line">
          <Ticks times={times} from={from} to={to} />
          <input
            type="range"
            min={from}
            max={to}
            step={1000}
            value={at}
            aria-label={t("replay.at")}
            aria-valuetext={dayClock(at)}
            onInput={(event) => seek(Number(event.currentTarget.value))}
          />
        </div>
        <strong class="replay-clock">{dayClock(at)}</strong>
        <span class="dim">
          {duration((at - from) / 1000)} / {duration((to - from) / 1000)}
        </span>
      </footer>
    </article>
  );
}

/** The cameras' recordings on one clock, once there is one. */
function usePlayback(codes: readonly CameraCode[], at: number): Playback | null {
  const [playback, setPlayback] = useState<Playback | null>(null);
  useEffect(() => (codes.length > 0 ? keepPlayback(codes, at, "wait", setPlayback) : undefined), [codes]);
  return playback;
}

function Film({ code, pane }: { code: CameraCode; pane: PaneView | undefined }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = pane?.element;
    if (element) box.current?.append(element);
    return () => element?.remove();
  }, [pane]);
  const state = pane?.state.value ?? "empty";
  const wall = pane?.wall.value ?? null;
  const none = state === "nothing" || state === "cannot-play" || state === "forbidden";
  return (
    <div class="replay-film" data-camera={code} data-state={state}>
      <div class="picture" ref={box}>
        {none ? (
          <div class="words">
            <Icon name="videoOff" size={1.5} />
            <strong>{t("events.noMoment")}</strong>
          </div>
        ) : (
          wall === null && (
            <div class="words" role="status">
              <span class="spinner" />
              <strong>{t("playback.loading")}</strong>
            </div>
          )
        )}
      </div>
      <div class="caption">
        <span class="clip grow">{cameras.value.get(code)?.name ?? code}</span>
        <span class="time">{wall === null ? "—" : clock(wall)}</span>
      </div>
    </div>
  );
}

function ReplayMap({ incident, log, count }: { incident: Incident; log: readonly LogEntry[]; count: number }) {
  const shown = useMemo(() => [incident], [incident]);
  const linked = useMemo(
    () => incident.cameras.flatMap((code) => cameras.value.get(code) ?? []),
    [incident, cameras.value],
  );
  const marks = useMemo(() => {
    // Of each person the newest place by then: where they were when they said it.
    const newest = new Map<string, Mark>();
    for (const entry of log.slice(0, count)) {
      if (entry.place) newest.set(entry.by, { place: entry.place, label: peopleWords(entry.by), kind: "person" });
    }
    return [...newest.values()];
  }, [log, count]);
  const drawings = useMemo(() => drawnBy(incident.drawings, log[count - 1]?.at), [incident, log, count]);
  return <IncidentMapView incidents={shown} cameras={linked} marks={marks} drawings={drawings} />;
}

/** Where in time something was written down; many at once are one. */
function Ticks({ times, from, to }: { times: readonly number[]; from: number; to: number }) {
  const marks = useMemo(() => {
    const seen = new Set<number>();
    for (const time of times) seen.add(Math.round((1000 * (time - from)) / Math.max(1, to - from)));
    return [...seen];
  }, [times]);
  return (
    <svg viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">
      {marks.map((x) => (
        <rect key={x} x={x} y="0" width="2" height="10" />
      ))}
    </svg>
  );
}
