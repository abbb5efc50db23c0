import { useState } from "preact/hooks";
import { api, snapshotUrl } from "../api/client";
import { cameras, incidents, takeIncident, user } from "../api/store";
import type { CameraCode } from "../domain/ids";
import { isOpen, nextStates, noteRequired } from "../domain/incident";
import { formatNear } from "../domain/select";
import type { Incident, IncidentLogEntry, IncidentState } from "../domain/types";
import { t, tCode } from "../i18n/t";
import { dayClock, shortTime } from "../i18n/words";
import { Icon } from "../ui/icon";
import { GradeMark } from "../ui/marks";
import { navigate, where } from "../ui/router";
import { Button, Choice, Dialog, Empty, Field, toast, toastProblem } from "../ui/widgets";
import { LiveTile } from "../wall/live-tile";
import { usePhone } from "../wall/phone-wall";
import { IncidentForm } from "./incident-form";

export default function IncidentsPage() {
  const [which, setWhich] = useState<"open" | "all">("open");
  const [adding, setAdding] = useState(false);
  const id = where.value.search.get("id");
  const phone = usePhone();
  const list = incidents.value.filter((one) => which === "all" || isOpen(one.state));
  // Beside the list there is room for one; on a phone the list stands alone until one is tapped.
  const chosen = incidents.value.find((one) => one.id === id) ?? (phone ? undefined : list[0]);
  const may = user.value?.role !== "auditor";
  return (
    <div class={chosen ? "incidents has-detail" : "incidents"}>
      <section class="incident-list">
        <header>
          <h1>{t("incident.title")}</h1>
          {may && <Button icon="plus" label={t("incident.new")} onClick={() => setAdding(true)} />}
          <Choice
            label={t("events.state")}
            value={which}
            options={[
              ["open", t("incident.open")],
              ["all", t("app.all")],
            ]}
            onPick={setWhich}
          />
        </header>
        {list.length === 0 ? (
          <Empty icon="siren" title={t("incident.none")} hint={t("incident.noneHint")} />
        ) : (
          <ul class="scroll">
            {list.map((one) => (
              <li key={one.id}>
                <a
                  class="incident-item"
                  href={`/incidents?id=${one.id}`}
                  aria-current={one.id === chosen?.id ? "true" : undefined}
                >
                  <GradeMark grade={one.grade} />
                  <strong class="clip">{one.title}</strong>
                  <span class="state-word">{t(`incident.state.${one.state}`)}</span>
                  <small>
                    {one.number} · {shortTime(one.opened_at)}
                  </small>
                </a>
              </li>
            ))}
          </ul>
        )}
      </section>
      {chosen ? (
        <Detail key={chosen.id} incident={chosen} may={may} />
      ) : (
        !phone && <Empty icon="siren" title={t("incident.choose")} />
      )}
      {adding && (
        <Dialog title={t("incident.new")} onClose={() => setAdding(false)}>
          <div class="dialog-body">
            <IncidentForm
              title=""
              grade="IV"
              event={null}
              camera={null}
              place={null}
              onCancel={() => setAdding(false)}
              onDone={(incident) => {
                takeIncident(incident);
                setAdding(false);
                navigate(`/incidents?id=${incident.id}`);
              }}
            />
          </div>
        </Dialog>
      )}
    </div>
  );
}

function Detail({ incident, may }: { incident: Incident; may: boolean }) {
  const phone = usePhone();
  const [note, setNote] = useState("");
  const [error, setError] = useState<string | undefined>();
  const [busy, setBusy] = useState(false);
  const done = async (work: ReturnType<typeof api.addNote>, words?: string) => {
    setBusy(true);
    const result = await work;
    setBusy(false);
    if (!result.ok) return toastProblem(result.problem);
    takeIncident(result.value);
    setNote("");
    setError(undefined);
    if (words) toast(words);
  };
  const move = (to: IncidentState) => {
    if (noteRequired(to) && !note.trim()) return setError(t("incident.noteNeeded"));
    return void done(api.transition(incident.id, to, note.trim()), t("incident.justMoved"));
  };
  return (
    <article class="incident-detail">
      <header>
        {phone && (
          <Button icon="x" label={t("app.close")} hideLabel onClick={() => navigate("/incidents", "replace")} />
        )}
        <GradeMark grade={incident.grade} words />
        <h2>{incident.title}</h2>
        <span class="state-word">{t(`incident.state.${incident.state}`)}</span>
        <span class="dim">
          {incident.number} · {tCode("incident.kind", incident.kind) ?? incident.kind} ·{" "}
          {t("incident.openedBy", { by: incident.opened_by, at: shortTime(incident.opened_at) })}
        </span>
        {may && incident.place && (
          <Button
            icon="crosshair"
            label={t("map.nearby")}
            onClick={() => incident.place && navigate(`/map?near=${formatNear(incident.place)}`)}
          />
        )}
      </header>
      <section class="card">
        <header>
          <h3>{t("incident.log")}</h3>
        </header>
        <ol class="log scroll" tabIndex={0} aria-label={t("incident.log")}>
          {[...incident.log].reverse().map((entry, i) => (
            <LogLine key={`${entry.at}-${i}`} entry={entry} />
          ))}
        </ol>
        {may && incident.state !== "filed" && (
          <form
            class="log-form"
            onSubmit={(event) => {
              event.preventDefault();
              if (note.trim()) void done(api.addNote(incident.id, note.trim()));
            }}
          >
            <Field label={t("incident.note")} error={error}>
              <textarea value={note} maxLength={2000} onInput={(event) => setNote(event.currentTarget.value)} />
            </Field>
            <div class="actions">
              <Button type="submit" icon="plus" label={t("incident.addNote")} disabled={busy || !note.trim()} />
              {nextStates(incident.state).map((to) => (
                <Button
                  key={to}
                  tone={to === "closed" ? "plain" : "accent"}
                  icon={to === "closed" ? "check" : "chevronRight"}
                  label={t(`incident.to.${to}`)}
                  disabled={busy}
                  onClick={() => move(to)}
                />
              ))}
            </div>
          </form>
        )}
      </section>
      <section class="card">
        <header>
          <h3>{t("incident.cameras")}</h3>
        </header>
        <div class="linked scroll">
          {incident.cameras.length === 0 && <Empty icon="cctv" title={t("incident.noCameras")} />}
          {incident.cameras.map((code) => (
            <div key={code}>
              <div class="picture-box">
                {may && isOpen(incident.state) ? (
                  <LiveTile code={code} priority="incident" />
                ) : (
                  <MomentStill code={code} at={may ? incident.opened_at : null} />
                )}
              </div>
              <div class="actions start">
                <Button
                  icon="history"
                  label={t("events.moment")}
                  onClick={() =>
                    navigate(`/playback?c=${code}&t=${new Date(Date.parse(incident.opened_at) - 30_000).toISOString()}`)
                  }
                />
                <Button icon="map" label={t("nav.map")} onClick={() => navigate(`/map?c=${code}`)} />
              </div>
            </div>
          ))}
        </div>
      </section>
    </article>
  );
}

/** How it looked when the incident was opened; an auditor sees the camera's name alone. */
function MomentStill({ code, at }: { code: CameraCode; at: string | null }) {
  const [failed, setFailed] = useState(at === null);
  return (
    <div class="live-tile">
      <div class="picture">
        {failed ? (
          <div class="words">
            <Icon name="image" size={1.5} />
            <strong>{at === null ? t("incident.noPicture") : t("events.noMoment")}</strong>
          </div>
        ) : (
          <img src={snapshotUrl(code, { at: at ?? "", width: 640 })} alt="" onError={() => setFailed(true)} />
        )}
      </div>
      <div class="caption">
        <span class="clip grow">{cameras.value.get(code)?.name ?? code}</span>
        {!failed && <span class="time">{shortTime(at)}</span>}
      </div>
    </div>
  );
}

function LogLine({ entry }: { entry: IncidentLogEntry }) {
  const words =
    entry.action === "transition" && entry.from && entry.to
      ? t("incident.log.transition", {
          from: t(`incident.state.${entry.from}`),
          to: t(`incident.state.${entry.to}`),
        })
      : tCode("incident.log", entry.action);
  return (
    <li>
      <small>
        {dayClock(Date.parse(entry.at))} · {entry.by}
      </small>
      <p>
        <strong>{words}</strong>
        {entry.note && ` · ${entry.note}`}
      </p>
    </li>
  );
}
