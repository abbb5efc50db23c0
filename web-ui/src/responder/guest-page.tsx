/** A guest: one incident, its cameras and its log, as long as the link is good. */
import "../incident/command.css";
import "./responder.css";
import { useEffect, useMemo, useState } from "preact/hooks";
import { api } from "../api/client";
import { cameras, incidents, takeIncident, user } from "../api/store";
import type { Incident } from "../domain/command";
import { isOpen } from "../domain/incident";
import { language, setLanguage, t } from "../i18n/t";
import { LogForm, LogLine } from "../incident/log-view";
import { useLog } from "../incident/use-log";
import { lazyPage } from "../ui/lazy";
import { GradeMark } from "../ui/marks";
import { setTheme, theme } from "../ui/shell";
import { Button, Choice, Empty, Loading } from "../ui/widgets";
import { LiveTile } from "../wall/live-tile";
import { ViewerMark } from "./viewer-mark";

const GuestMap = lazyPage(() => import("./guest-map"));
/** A guest's cameras are asked for anew: what changes of them is not on a guest's stream. */
const CAMERAS_MS = 20_000;

export default function GuestPage() {
  const id = user.value?.incident;
  const incident = incidents.value.find((one) => one.id === id);
  useEffect(() => {
    if (!id) return;
    const read = async () => {
      const [found, all] = await Promise.all([api.incident(id), api.cameras()]);
      if (found.ok) takeIncident(found.value);
      if (all.ok) cameras.value = new Map(all.value.map((one) => [one.code, one]));
    };
    void read();
    const timer = setInterval(() => !document.hidden && void read(), CAMERAS_MS);
    return () => clearInterval(timer);
  }, [id]);
  if (!incident) return <Loading />;
  return <Shown incident={incident} />;
}

function Shown({ incident }: { incident: Incident }) {
  const [part, setPart] = useState<"cameras" | "log" | "map">("cameras");
  const log = useLog(incident);
  void log.version.value;
  const light = theme.value === "light";
  const total = log.total.value;
  const entries = useMemo(
    () => Array.from({ length: Math.min(total, 50) }, (_, i) => log.get(total - 1 - i)),
    [total, log.version.value],
  );
  return (
    <main class="guest-page" id="content">
      <div class="page-head">
        <GradeMark grade={incident.grade} words />
        <h1>{incident.title}</h1>
        <span class="state-word">{t(`incident.state.${incident.state}`)}</span>
        <Button
          icon="languages"
          label={t("top.language")}
          onClick={() => setLanguage(language.value === "zh" ? "en" : "zh")}
        />
        <Button
          icon={light ? "moon" : "sun"}
          label={light ? t("top.themeDark") : t("top.theme")}
          hideLabel
          onClick={() => setTheme(light ? "dark" : "light")}
        />
      </div>
      <p class="dim">{t("guest.you", { number: incident.number, name: user.value?.name ?? "" })}</p>
      <Choice
        label={t("incident.title")}
        value={part}
        options={[
          ["cameras", t("incident.cameras")],
          ["log", t("incident.log")],
          ["map", t("nav.map")],
        ]}
        onPick={setPart}
      />
      {part === "cameras" && (
        <section class="card">
          {!isOpen(incident.state) && <Empty icon="cctv" title={t("guest.closed")} />}
          {isOpen(incident.state) && incident.cameras.length === 0 && (
            <Empty icon="cctv" title={t("incident.noCameras")} />
          )}
          <div class="guest-cameras">
            {isOpen(incident.state) &&
              incident.cameras.slice(0, 4).map((code) => (
                <div class="picture-box" key={code}>
                  <LiveTile code={code} profile="auto" />
                  <ViewerMark />
                </div>
              ))}
          </div>
        </section>
      )}
      {part === "log" && (
        <section class="card">
          <ol class="log">
            {entries.map((entry, i) => (
              <li key={entry?.n ?? -i}>
                <LogLine entry={entry} incident={incident.id} />
              </li>
            ))}
          </ol>
          {incident.state !== "filed" && <LogForm incident={incident} onDone={takeIncident} noteOnly />}
        </section>
      )}
      {part === "map" && (
        <section class="card field-map-card">
          <GuestMap />
        </section>
      )}
    </main>
  );
}
