/** In the field: what is going on, and one tap to the nearest picture. */
import "./responder.css";
import { useMemo, useState } from "preact/hooks";
import { cameras, openEvents, openIncidents } from "../api/store";
import { metresBetween } from "../domain/geo";
import type { CameraCode } from "../domain/ids";
import type { Place } from "../domain/types";
import { t } from "../i18n/t";
import { shortTime } from "../i18n/words";
import { GradeMark, StateMark } from "../ui/marks";
import { navigate } from "../ui/router";
import { Button, Empty, toast } from "../ui/widgets";
import { EventCard } from "../wall/alarm-strip";
import { LiveTile } from "../wall/live-tile";

const NEAREST = 12;

export default function ResponderPage() {
  const [here, setHere] = useState<Place | null>(null);
  const [playing, setPlaying] = useState<CameraCode | null>(null);
  const from = here ?? openIncidents.value.find((incident) => incident.place)?.place ?? null;
  const nearest = useMemo(() => {
    const list = [...cameras.value.values()].filter((camera) => camera.state !== "disabled");
    const far = (place: Place | null) => (from && place ? metresBetween(from, place) : Number.POSITIVE_INFINITY);
    return list
      .map((camera) => ({ camera, metres: far(camera.place) }))
      .sort((a, b) => a.metres - b.metres || a.camera.name.localeCompare(b.camera.name, "zh"))
      .slice(0, NEAREST);
  }, [cameras.value, from]);
  const locate = () => {
    if (!navigator.geolocation) return toast(t("field.noPosition"), true);
    navigator.geolocation.getCurrentPosition(
      (position) => setHere({ lon: position.coords.longitude, lat: position.coords.latitude }),
      () => toast(t("field.noPosition"), true),
      { enableHighAccuracy: true, timeout: 10_000 },
    );
  };
  return (
    <div class="page field-page">
      <div class="page-head">
        <h1>{t("field.title")}</h1>
        <Button icon="mapPin" label={t("field.locate")} onClick={locate} />
      </div>
      <div class="field-grid">
        <section class="card">
          <header>
            <h2>{t("field.incidents")}</h2>
          </header>
          {openIncidents.value.length === 0 && (
            <Empty icon="siren" title={t("incident.none")} hint={t("incident.noneHint")} />
          )}
          <ul>
            {openIncidents.value.map((incident) => (
              <li key={incident.id}>
                <a class="incident-item" href={`/incidents?id=${incident.id}`}>
                  <GradeMark grade={incident.grade} />
                  <strong class="clip">{incident.title}</strong>
                  <span class="state-word">{t(`incident.state.${incident.state}`)}</span>
                  <small>
                    {incident.number} · {shortTime(incident.opened_at)}
                  </small>
                </a>
              </li>
            ))}
          </ul>
        </section>
        <section class="card">
          <header>
            <h2>{t("field.nearby")}</h2>
          </header>
          {nearest.length === 0 && <Empty icon="cctv" title={t("wall.noCameras")} hint={t("wall.noCamerasHint")} />}
          <ul>
            {nearest.map(({ camera, metres }) => (
              <li key={camera.code}>
                <button
                  type="button"
                  class="near"
                  aria-expanded={playing === camera.code}
                  onClick={() => setPlaying(playing === camera.code ? null : camera.code)}
                >
                  <StateMark state={camera.state} />
                  <span class="clip grow">{camera.name}</span>
                  <span class="dim">
                    {Number.isFinite(metres)
                      ? metres < 1000
                        ? t("field.distance", { m: Math.round(metres / 10) * 10 })
                        : t("field.distanceKm", { km: (metres / 1000).toFixed(1) })
                      : ""}
                  </span>
                </button>
                {playing === camera.code && (
                  <div class="near-live">
                    <div class="picture-box">
                      <LiveTile code={camera.code} priority="viewer" />
                    </div>
                    <div class="actions start">
                      <Button icon="map" label={t("nav.map")} onClick={() => navigate(`/map?c=${camera.code}`)} />
                      <Button
                        icon="history"
                        label={t("nav.playback")}
                        onClick={() => navigate(`/playback?c=${camera.code}`)}
                      />
                    </div>
                  </div>
                )}
              </li>
            ))}
          </ul>
        </section>
        <section class="card">
          <header>
            <h2>{t("field.events")}</h2>
          </header>
          {openEvents.value.length === 0 && (
            <Empty icon="bell" title={t("wall.noAlarms")} hint={t("wall.noAlarmsHint")} />
          )}
          {openEvents.value.slice(0, 10).map((event) => (
            <EventCard key={event.id} event={event} />
          ))}
        </section>
      </div>
    </div>
  );
}
