/** An event, opened: the camera now and at the moment, side by side; acknowledge, or open an incident. */
import { useState } from "preact/hooks";
import { api } from "../api/client";
import { events, takeEvent, takeIncident, user } from "../api/store";
import type { SightEvent } from "../domain/event";
import { t } from "../i18n/t";
import { dayClock, eventWords, shortTime } from "../i18n/words";
import { GradeMark } from "../ui/marks";
import { navigate } from "../ui/router";
import { Button, Dialog, Field, toast, toastProblem } from "../ui/widgets";
import { openedEvent } from "../wall/alarm-strip";
import { LiveTile } from "../wall/live-tile";
import { IncidentForm } from "./incident-form";
import { MomentVideo } from "./moment-video";

/** Stands once in the page; shows whatever event was opened. */
export function EventDialogHost() {
  const opened = openedEvent.value;
  if (!opened) return null;
  // The list has the newest state of it (acknowledged by someone else meanwhile).
  const event = events.value.find((one) => one.id === opened.id) ?? opened;
  return (
    <EventDialog
      key={event.id}
      event={event}
      onClose={() => {
        openedEvent.value = null;
      }}
    />
  );
}

function EventDialog({ event, onClose }: { event: SightEvent; onClose: () => void }) {
  const [note, setNote] = useState("");
  const [busy, setBusy] = useState(false);
  const [reporting, setReporting] = useState(false);
  const may = user.value?.role !== "auditor";
  const start = Date.parse(event.start);
  const acknowledge = async () => {
    setBusy(true);
    const result = await api.acknowledge(event.id, note);
    setBusy(false);
    if (!result.ok) return toastProblem(result.problem);
    takeEvent(result.value);
    openedEvent.value = result.value;
  };
  return (
    <Dialog title={`${eventWords(event.kind)} · ${event.camera_name ?? event.camera ?? ""}`} onClose={onClose} wide>
      <div class="dialog-body">
        <div class="event-facts">
          <GradeMark grade={event.grade} words />
          <span>{dayClock(start)}</span>
          <span>{event.end ? `→ ${shortTime(event.end)}` : t("events.ongoing")}</span>
          {event.count > 1 && <span>{t("events.times", { n: event.count })}</span>}
          {event.exercise && <strong>{t("events.exercise")}</strong>}
          {(event.others ?? 0) > 0 && <span>{t("events.together", { n: event.others ?? 0 })}</span>}
          {event.by && <span class="dim">{t("events.by", { by: event.by })}</span>}
          {(event.rules?.length ?? 0) > 0 && (
            <span class="dim">{t("events.byRule", { rules: event.rules?.join(", ") ?? "" })}</span>
          )}
        </div>
        {event.text && (event.kind === "manual" || event.kind === "external" || event.kind === "rate-low") && (
          <p class="event-text">{event.text}</p>
        )}
        {!event.camera && event.snapshot && (
          <div class="picture-box">
            <img src={event.snapshot} alt={`${t("events.snapshot")}: ${eventWords(event.kind)}`} />
          </div>
        )}
        {event.photo && (user.value?.role === "administrator" || user.value?.role === "operator") && (
          <p class="small">
            <a href={event.photo.url} target="_blank" rel="noreferrer">
              {t("events.photo")}
            </a>{" "}
            <span class="dim">SHA-256 {event.photo.sha256.slice(0, 16)}…</span>
          </p>
        )}
        {event.camera && (
          <div class="side-by-side">
            <figure>
              <figcaption>{t("events.live")}</figcaption>
              <div class="picture-box">{may && <LiveTile code={event.camera} profile="sub" priority="incident" />}</div>
            </figure>
            <figure>
              <figcaption>{t("events.moment")}</figcaption>
              <MomentVideo camera={event.camera} at={start} />
            </figure>
            {event.snapshot && (
              <figure>
                <figcaption>{t("events.snapshot")}</figcaption>
                <div class="picture-box">
                  <img src={event.snapshot} alt={`${t("events.snapshot")}: ${eventWords(event.kind)}`} />
                </div>
              </figure>
            )}
          </div>
        )}
        {event.acknowledged && (
          <p class="notice">
            {t("events.acknowledged", { by: event.acknowledged.by, at: shortTime(event.acknowledged.at) })}
            {event.acknowledged.note && ` · ${event.acknowledged.note}`}
          </p>
        )}
        {may && !event.acknowledged && !reporting && (
          <Field label={t("events.note")}>
            <input value={note} maxLength={500} onInput={(input) => setNote(input.currentTarget.value)} />
          </Field>
        )}
        {reporting ? (
          <IncidentForm
            title={`${event.camera_name ?? ""} ${eventWords(event.kind)}`.trim()}
            grade={event.grade}
            event={event.id}
            camera={event.camera}
            place={event.place ?? null}
            onCancel={() => setReporting(false)}
            onDone={(incident) => {
              takeIncident(incident);
              toast(t("events.incidentOpened", { number: incident.number }));
              onClose();
              navigate(`/incidents?id=${incident.id}`);
            }}
          />
        ) : (
          <div class="actions">
            {event.camera && (
              <Button
                icon="history"
                label={t("nav.playback")}
                onClick={() => {
                  onClose();
                  navigate(`/playback?c=${event.camera}&t=${new Date(start - 5000).toISOString()}`);
                }}
              />
            )}
            {event.incident ? (
              <Button
                icon="siren"
                label={t("events.hasIncident")}
                onClick={() => {
                  onClose();
                  navigate(`/incidents?id=${event.incident}`);
                }}
              />
            ) : (
              may && <Button icon="siren" label={t("events.toIncident")} onClick={() => setReporting(true)} />
            )}
            {may && !event.acknowledged && (
              <Button
                icon="check"
                tone="accent"
                label={t("events.acknowledge")}
                disabled={busy}
                onClick={acknowledge}
              />
            )}
          </div>
        )}
      </div>
    </Dialog>
  );
}
