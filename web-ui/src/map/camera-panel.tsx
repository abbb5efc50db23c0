/** A camera that was chosen: live, and what can be done with it. */
import { useState } from "preact/hooks";
import { events, takeIncident, tree } from "../api/store";
import { openDiagnosis } from "../diagnose/open";
import type { Camera } from "../domain/camera";
import type { CameraCode } from "../domain/ids";
import { formatNear } from "../domain/select";
import { t } from "../i18n/t";
import { reasonWords, regionOf, shortTime } from "../i18n/words";
import { IncidentForm } from "../incident/incident-form";
import { GradeMark, StateMark } from "../ui/marks";
import { navigate } from "../ui/router";
import { Button, Dialog, toast } from "../ui/widgets";
import { openedEvent } from "../wall/alarm-strip";
import { LiveTile } from "../wall/live-tile";
import { formatWall, parseWall } from "../wall/url";

export function CameraPanel({ camera, onClose }: { camera: Camera; onClose: () => void }) {
  const [reporting, setReporting] = useState(false);
  const own = events.value.filter((event) => event.camera === camera.code).slice(0, 4);
  return (
    <aside class="camera-panel scroll" aria-label={camera.name}>
      <header>
        <h2 class="grow">{camera.name}</h2>
        <Button icon="x" label={t("app.close")} hideLabel onClick={onClose} />
      </header>
      <div class="picture-box">
        <LiveTile code={camera.code} profile="sub" />
      </div>
      <div class="actions start">
        <Button icon="layoutGrid" label={t("map.toWall")} onClick={() => toWall(camera.code)} />
        <Button icon="history" label={t("map.playback")} onClick={() => navigate(`/playback?c=${camera.code}`)} />
        {camera.place && (
          <Button
            icon="crosshair"
            label={t("map.nearby")}
            onClick={() => camera.place && navigate(`/map?near=${formatNear(camera.place)}`)}
          />
        )}
        <Button icon="siren" label={t("incident.new")} onClick={() => setReporting(true)} />
        <Button icon="gauge" label={t("diagnose.open")} onClick={() => openDiagnosis(camera.code)} />
      </div>
      <dl class="facts">
        <dt>{t("camera.state")}</dt>
        <dd>
          <StateMark state={camera.state} words />
          {camera.since && <span class="dim"> {t("camera.since", { time: shortTime(camera.since) })}</span>}
        </dd>
        {camera.reason && (
          <>
            <dt />
            <dd>{reasonWords(camera.reason)}</dd>
          </>
        )}
        <dt>{t("camera.region")}</dt>
        <dd>{regionOf(camera, tree.value.regions)}</dd>
        <dt>{t("camera.code")}</dt>
        <dd>{camera.code}</dd>
        {camera.address && (
          <>
            <dt>{t("camera.address")}</dt>
            <dd>{camera.address}</dd>
          </>
        )}
        <dt>{t("camera.recording")}</dt>
        <dd>{t(`camera.rec.${camera.recording_state}`)}</dd>
        {camera.heading !== null && (
          <>
            <dt />
            <dd>
              {t("map.facing", {
                heading: camera.heading,
                angle: camera.view_angle ?? "—",
                distance: camera.view_distance ?? "—",
              })}
            </dd>
          </>
        )}
      </dl>
      {own.length > 0 && (
        <ul class="own-events">
          {own.map((event) => (
            <li key={event.id}>
              <button
                type="button"
                onClick={() => {
                  openedEvent.value = event;
                }}
              >
                <GradeMark grade={event.grade} />
                <span class="grow clip">{t(`event.${event.kind}`)}</span>
                <span class="dim">{shortTime(event.start)}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
      {reporting && (
        <Dialog title={t("incident.new")} onClose={() => setReporting(false)}>
          <div class="dialog-body">
            <IncidentForm
              title={camera.name}
              grade="IV"
              event={null}
              camera={camera.code}
              place={camera.place}
              onCancel={() => setReporting(false)}
              onDone={(incident) => {
                takeIncident(incident);
                setReporting(false);
                toast(t("events.incidentOpened", { number: incident.number }));
              }}
            />
          </div>
        </Dialog>
      )}
    </aside>
  );
}

const LAST_WALL = "sightline.wall";
/** One camera, full; the layout that was there before is one step back. */
function toWall(code: CameraCode): void {
  let last = "";
  try {
    last = sessionStorage.getItem(LAST_WALL) ?? "";
  } catch {
    // No storage: a wall of its own.
  }
  const state = parseWall(new URLSearchParams(last));
  const slots = [code, ...state.slots.filter((one) => one !== code)].slice(0, 25);
  navigate(formatWall({ ...state, slots, focus: 0 }));
}
