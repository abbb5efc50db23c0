import "./map.css";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { api, snapshotUrl } from "../api/client";
import { cameras, events, openIncidents, takeIncident, tree, user } from "../api/store";
import { openDiagnosis } from "../diagnose/open";
import type { CameraCode, RegionCode } from "../domain/ids";
import { type Found, formatNear, parseNear, type Shape } from "../domain/select";
import { CAMERA_STATES, type Camera, type CameraState, type MapConfig } from "../domain/types";
import { language, t } from "../i18n/t";
import { distanceWords, reasonWords, regionName, shortTime } from "../i18n/words";
import { IncidentForm } from "../incident/incident-form";
import type { IconName } from "../ui/icon";
import { GradeMark, StateMark } from "../ui/marks";
import { navigate, where } from "../ui/router";
import { Button, Dialog, Empty, problemWords, toast } from "../ui/widgets";
import { openedEvent } from "../wall/alarm-strip";
import { LiveTile } from "../wall/live-tile";
import { usePhone } from "../wall/phone-wall";
import { sending } from "../wall/sending";
import { formatWall, LAYOUTS, parseWall } from "../wall/url";
import { MapView, type Tool } from "./map-view";

const FALLBACK: MapConfig = { center: { lon: 116.08, lat: 24.26 }, zoom: 10, approval: "", sketch: true };
/** Acknowledged events leave the map after this. */
const SHOWN_MS = 3_600_000;
const PREVIEW_MS = 500;
const PREVIEW_LIVE_MS = 2000;
const TOOLS: readonly (readonly [Tool, IconName])[] = [
  ["near", "crosshair"],
  ["circle", "circleDashed"],
  ["box", "scan"],
  ["polygon", "polygon"],
  ["line", "route"],
];

export default function MapPage() {
  const phone = usePhone();
  const target = useRef<HTMLDivElement>(null);
  const [map, setMap] = useState<MapView | null>(null);
  const [config, setConfig] = useState<MapConfig>(FALLBACK);
  const [hover, setHover] = useState<{ code: CameraCode; x: number; y: number } | null>(null);
  const [states, setStates] = useState<ReadonlySet<CameraState>>(new Set(CAMERA_STATES));
  const [region, setRegion] = useState<RegionCode | null>(null);
  const code = where.value.search.get("c") as CameraCode | null;
  const chosen = code ? cameras.value.get(code) : undefined;
  const near = where.value.search.get("near");
  const [tool, setTool] = useState<Tool | null>(null);
  const [drawn, setDrawn] = useState<Shape | null>(null);
  // A place in the address can be sent to someone; other shapes last as long as the page.
  const shape = useMemo(() => parseNear(near) ?? drawn, [near, drawn]);
  const address = (to: CameraCode | null, place: string | null) => {
    const parts = [...(to ? [`c=${to}`] : []), ...(place ? [`near=${place}`] : [])];
    navigate(parts.length > 0 ? `/map?${parts.join("&")}` : "/map", "replace");
  };
  const choose = (to: CameraCode | null) => address(to, where.value.search.get("near"));
  const ask = (to: Shape | null) => {
    setTool(null);
    map?.draw(null);
    setDrawn(to);
    address(null, to?.kind === "near" ? formatNear(to.at) : null);
  };
  const take = useRef(ask);
  take.current = ask;

  useEffect(() => {
    let view: MapView | null = null;
    let gone = false;
    void api.mapConfig().then((result) => {
      if (gone || !target.current) return;
      const found = result.ok ? result.value : FALLBACK;
      setConfig(found);
      view = new MapView(target.current, found.center, found.zoom, {
        camera: choose,
        event: (event) => {
          openedEvent.value = event;
        },
        incident: (incident) => navigate(`/incidents?id=${incident.id}`),
        hover: (camera, [x, y]) => setHover(camera ? { code: camera, x, y } : null),
        nothing: () => choose(null),
        drawn: (found) => take.current(found),
      });
      setMap(view);
    });
    return () => {
      gone = true;
      view?.close();
    };
  }, []);

  const shown = useMemo(
    () =>
      [...cameras.value.values()].filter(
        (camera) => states.has(camera.state) && (!region || camera.region.startsWith(region)),
      ),
    [cameras.value, states, region],
  );
  useEffect(() => map?.setCameras(shown), [map, shown]);
  useEffect(() => {
    const since = Date.now() - SHOWN_MS;
    // One pin a camera: the newest that waits, else the newest.
    const pins = new Map<string, (typeof events.value)[number]>();
    for (const event of events.value) {
      if (event.acknowledged && Date.parse(event.start) < since) continue;
      const key = event.camera ?? event.id;
      const old = pins.get(key);
      if (!old || (old.acknowledged && !event.acknowledged)) pins.set(key, event);
    }
    map?.setEvents([...pins.values()]);
  }, [map, events.value]);
  useEffect(() => map?.setIncidents(openIncidents.value), [map, openIncidents.value]);
  useEffect(() => map?.setLanguage(language.value === "en"), [map, language.value]);
  useEffect(() => {
    map?.choose(code);
    if (map && chosen?.place) map.go(chosen.place, 15, phone);
  }, [map, code]);

  const [answer, setAnswer] = useState<readonly Found[] | null>(null);
  useEffect(() => {
    setAnswer(null);
    if (!shape) return;
    const abort = new AbortController();
    void api.camerasNear(shape, abort.signal).then((result) => {
      if (abort.signal.aborted) return;
      setAnswer(result.ok ? result.value : []);
      if (!result.ok) toast(problemWords(result.problem), true);
    });
    return () => abort.abort();
  }, [shape]);
  // The map's own filters hold for what is found too; a camera's state is the newest that the page knows.
  const found = useMemo(() => {
    const visible = new Set(shown.map((camera) => camera.code));
    return (answer ?? []).flatMap((one) =>
      visible.has(one.camera.code) ? [{ ...one, camera: cameras.value.get(one.camera.code) ?? one.camera }] : [],
    );
  }, [answer, shown]);
  useEffect(() => {
    map?.select(
      shape,
      found.flatMap((one) => (one.camera.place ? [one.camera.place] : [])),
    );
  }, [map, shape, found]);
  useEffect(() => {
    if (map && near && shape?.kind === "near" && !code) {
      map.fit([shape.at, ...found.flatMap((one) => (one.camera.place ? [one.camera.place] : []))]);
    }
  }, [map, near, answer]);
  useEffect(() => {
    if (!tool) return;
    const key = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      map?.draw(null);
      setTool(null);
    };
    addEventListener("keydown", key);
    return () => removeEventListener("keydown", key);
  }, [tool, map]);

  const placeless = [...cameras.value.values()].filter((camera) => !camera.place).length;
  return (
    <div class="map-page">
      <h1 class="hidden-title">{t("nav.map")}</h1>
      <RegionList
        region={region}
        onRegion={(to) => {
          setRegion(to);
          if (!to) return map?.home();
          const inside = [...cameras.value.values()].flatMap((one) =>
            one.place && one.region.startsWith(to) ? [one.place] : [],
          );
          map?.fit(inside);
        }}
        onCamera={choose}
      />
      <div class="map-stage">
        <div class="map-canvas" ref={target} tabIndex={0} role="application" aria-label={t("map.label")} />
        <fieldset class="map-filter">
          <legend class="hidden-title">{t("map.filter")}</legend>
          {CAMERA_STATES.map((state) => (
            <label key={state}>
              <input
                type="checkbox"
                checked={states.has(state)}
                onChange={() => {
                  const next = new Set(states);
                  if (!next.delete(state)) next.add(state);
                  setStates(next);
                }}
              />
              <StateMark state={state} words />
            </label>
          ))}
        </fieldset>
        <div class="map-zoom">
          <Button icon="plus" label={t("map.zoomIn")} hideLabel onClick={() => map?.zoomBy(1)} />
          <Button icon="minus" label={t("map.zoomOut")} hideLabel onClick={() => map?.zoomBy(-1)} />
          <Button icon="house" label={t("map.home")} hideLabel onClick={() => map?.home()} />
          <span class="map-tools" role="group" aria-label={t("map.find")}>
            {TOOLS.map(([one, icon]) => (
              <Button
                key={one}
                icon={icon}
                label={t(`map.find.${one}`)}
                hideLabel
                aria-pressed={tool === one}
                onClick={(event: MouseEvent) => {
                  // Pressed by a key there is no pointer to draw with: the middle of the screen is meant.
                  if (event.detail === 0 && map) return ask(map.here(one));
                  const next = tool === one ? null : one;
                  setTool(next);
                  map?.draw(next);
                }}
              />
            ))}
          </span>
        </div>
        {tool && (
          <p class="map-hint" role="status">
            {t(`map.draw.${tool}`)}
          </p>
        )}
        <div class="map-foot">
          <strong>{t("map.sketch")}</strong>
          <span>{config.approval ? t("map.approval", { number: config.approval }) : t("map.noApproval")}</span>
          {placeless > 0 && <span>{t("map.noPlace", { n: placeless })}</span>}
        </div>
        {hover && hover.code !== code && <Preview key={hover.code} {...hover} />}
      </div>
      {chosen && <CameraPanel key={chosen.code} camera={chosen} onClose={() => choose(null)} />}
      {!chosen && shape && answer && <FoundPanel found={found} onCamera={choose} onClose={() => ask(null)} />}
    </div>
  );
}

/** A still at half a second, live at two. */
function Preview({ code, x, y }: { code: CameraCode; x: number; y: number }) {
  const [stage, setStage] = useState(0);
  useEffect(() => {
    const timers = [setTimeout(() => setStage(1), PREVIEW_MS), setTimeout(() => setStage(2), PREVIEW_LIVE_MS)];
    return () => timers.forEach(clearTimeout);
  }, []);
  if (stage === 0) return null;
  const camera = cameras.value.get(code);
  return (
    <div
      class="map-preview"
      style={{
        left: `clamp(0px, ${x + 16}px, calc(100% - 21rem))`,
        top: `clamp(0px, ${y + 16}px, calc(100% - 14rem))`,
      }}
    >
      {stage === 2 && camera?.state !== "offline" ? (
        <LiveTile code={code} />
      ) : (
        <div class="live-tile">
          <div class="picture">
            <img
              src={snapshotUrl(code, { width: 320 })}
              alt=""
              onError={(event) => {
                event.currentTarget.hidden = true;
              }}
            />
          </div>
          <div class="caption">
            <span class="clip grow">{camera?.name ?? code}</span>
            {camera && <StateMark state={camera.state} words />}
          </div>
        </div>
      )}
    </div>
  );
}

function RegionList({
  region,
  onRegion,
  onCamera,
}: {
  region: RegionCode | null;
  onRegion: (to: RegionCode | null) => void;
  onCamera: (code: CameraCode) => void;
}) {
  const all = tree.value;
  const here = region ? all.regions.get(region) : undefined;
  const inside = here
    ? (all.children.get(here.code) ?? [])
    : all.roots.flatMap((root) => all.children.get(root) ?? [root]);
  const held = here ? (all.cameras.get(here.code) ?? []) : [];
  return (
    <aside class="regions" aria-label={t("map.regions")}>
      <h2>{here ? regionName(here) : t("map.regions")}</h2>
      {here && (
        <Button
          icon="chevronRight"
          class="up"
          label={t("map.up")}
          onClick={() => {
            const up = here.parent ? all.regions.get(here.parent) : undefined;
            onRegion(up && !all.roots.includes(up.code) ? up.code : null);
          }}
        />
      )}
      <ul class="scroll">
        {inside.map((code) => {
          const one = all.regions.get(code);
          const counts = all.counts.get(code);
          if (!one || !counts) return null;
          return (
            <li key={code}>
              <button
                type="button"
                onClick={() => onRegion(code)}
                title={t("map.offlineOf", { offline: counts.offline, total: counts.total })}
              >
                <span class="clip grow">{regionName(one)}</span>
                {counts.offline > 0 && (
                  <span class="off">
                    <StateMark state="offline" /> {counts.offline}
                  </span>
                )}
                <b>{counts.total}</b>
              </button>
            </li>
          );
        })}
        {held.map((camera) => (
          <li key={camera.code}>
            <button type="button" onClick={() => onCamera(camera.code)}>
              <StateMark state={camera.state} />
              <span class="clip grow">{camera.name}</span>
            </button>
          </li>
        ))}
      </ul>
    </aside>
  );
}

/** The cameras for a place: those that look at it first, then the nearest. */
function FoundPanel({
  found,
  onCamera,
  onClose,
}: {
  found: readonly Found[];
  onCamera: (code: CameraCode) => void;
  onClose: () => void;
}) {
  const codes = found.map((one) => one.camera.code);
  const layout = LAYOUTS.find((n) => n >= codes.length) ?? 25;
  return (
    <aside class="camera-panel scroll" aria-label={t("map.found", { n: found.length })}>
      <header>
        <h2 class="grow">{t("map.found", { n: found.length })}</h2>
        <Button icon="x" label={t("app.close")} hideLabel onClick={onClose} />
      </header>
      {found.length === 0 && <Empty icon="cctv" title={t("map.foundNone")} hint={t("map.foundNoneHint")} />}
      {found.length > 0 && (
        <div class="actions start">
          <Button
            icon="layoutGrid"
            tone="accent"
            label={t("map.allToWall")}
            onClick={() => navigate(formatWall({ layout, slots: codes, focus: null }))}
          />
          {(user.value?.role === "administrator" || user.value?.role === "operator") && (
            <Button
              icon="send"
              label={t("send.button")}
              onClick={() => {
                sending.value = codes;
              }}
            />
          )}
          <Button
            icon="history"
            label={t("map.playback")}
            onClick={() => navigate(`/playback?c=${codes.slice(0, 9).join()}`)}
          />
        </div>
      )}
      <ol class="own-events found">
        {found.map(({ camera, metres, covers }) => (
          <li key={camera.code}>
            <button type="button" onClick={() => onCamera(camera.code)}>
              <StateMark state={camera.state} />
              <span class="grow clip">{camera.name}</span>
              {covers && <span class="mark">{t("map.covers")}</span>}
              <span class="dim">{distanceWords(metres)}</span>
            </button>
          </li>
        ))}
      </ol>
    </aside>
  );
}

function CameraPanel({ camera, onClose }: { camera: Camera; onClose: () => void }) {
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
        <Button icon="siren" label={t("events.report")} onClick={() => setReporting(true)} />
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
        <dd>{camera.region_name ?? camera.region}</dd>
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
        <Dialog title={t("events.report")} onClose={() => setReporting(false)}>
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
                toast(t("events.reported", { number: incident.number }));
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
