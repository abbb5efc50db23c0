import "./map.css";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { api } from "../api/client";
import { cameras, events, openIncidents, positions, serverNow, tree, user } from "../api/store";
import { CAMERA_STATES, type CameraState } from "../domain/camera";
import type { MapConfig } from "../domain/gateway";
import type { CameraCode, RegionCode } from "../domain/ids";
import type { Hit } from "../domain/map-search";
import { peopleAt } from "../domain/people";
import type { Place } from "../domain/region";
import { type Found, formatNear, parseNear, type Shape } from "../domain/select";
import { language, t } from "../i18n/t";
import type { IconName } from "../ui/icon";
import { lazyPart } from "../ui/lazy";
import { StateMark } from "../ui/marks";
import { navigate, where } from "../ui/router";
import { Button, problemWords, toast } from "../ui/widgets";
import { openedEvent } from "../wall/alarm-strip";
import { usePhone } from "../wall/phone-wall";
import { CameraPanel } from "./camera-panel";
import { DraftPanel, type DraftTool } from "./draft-panel";
import { Foot } from "./foot";
import { FoundPanel } from "./found-panel";
import type { GroundState } from "./ground";
import { ALL_CAMERAS, LayerPanel, passes } from "./layer-panel";
import { MapView, type Tool } from "./map-view";
import { OutlineDraft } from "./outline-draft";
import { Preview } from "./preview";
import { RegionList } from "./region-list";
import { SearchBox } from "./search-box";
import { groundOf, keepSettings, LAYERS, readSettings } from "./settings";
import { type MapSource, mapApi, OUTLINES_URL } from "./sources";

const SourcesDialog = lazyPart(() => import("./sources-dialog"));

const FALLBACK: MapConfig = { center: { lon: 116.08, lat: 24.26 }, zoom: 10, approval: "", sketch: true };
/** Acknowledged events leave the map after this. */
const SHOWN_MS = 3_600_000;
/** How old people's places are is said anew this often, ms. */
const AGE_MS = 15_000;
const TOOLS: readonly (readonly [Tool, IconName])[] = [
  ["near", "crosshair"],
  ["circle", "circleDashed"],
  ["box", "scan"],
  ["polygon", "polygon"],
  ["line", "route"],
];
/** What stands open beside the map. */
type Side =
  | { readonly kind: "layers" }
  | { readonly kind: "draft"; readonly tool: DraftTool }
  | { readonly kind: "outline"; readonly region: RegionCode };
const DRAFTS: readonly (readonly ["line" | "area" | "draw", IconName, DraftTool])[] = [
  ["line", "ruler", { measuring: true, kind: "line" }],
  ["area", "landPlot", { measuring: true, kind: "area" }],
  ["draw", "pencil", { measuring: false }],
];

export default function MapPage() {
  const phone = usePhone();
  const target = useRef<HTMLDivElement>(null);
  const [map, setMap] = useState<MapView | null>(null);
  const [config, setConfig] = useState<MapConfig>(FALLBACK);
  const [hover, setHover] = useState<{ code: CameraCode; x: number; y: number } | null>(null);
  const [states, setStates] = useState<ReadonlySet<CameraState>>(new Set(CAMERA_STATES));
  const [filter, setFilter] = useState(ALL_CAMERAS);
  const [region, setRegion] = useState<RegionCode | null>(null);
  const [side, setSide] = useState<Side | null>(null);
  const [settings, setSettings] = useState(readSettings);
  const [sources, setSources] = useState<readonly MapSource[]>([]);
  const [editing, setEditing] = useState(false);
  const [ground, setGround] = useState<GroundState | null>(null);
  const [outlined, setOutlined] = useState<ReadonlySet<string>>(new Set());
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
  const drill = (to: RegionCode | null) => {
    setRegion(to);
    map?.chooseRegion(to);
    if (!to) return map?.home();
    const inside = [...cameras.value.values()].flatMap((one) =>
      one.place && one.region.startsWith(to) ? [one.place] : [],
    );
    map?.fit(inside);
  };
  const take = useRef({ ask, drill });
  take.current = { ask, drill };
  const readOutlines = () =>
    void fetch(OUTLINES_URL)
      .then((answer) => (answer.ok ? answer.json() : null))
      .then((collection: { features: { id: string }[] } | null) => {
        if (!collection) return;
        map?.setOutlines(collection);
        setOutlined(new Set(collection.features.map((one) => one.id)));
      })
      .catch((error: unknown) => console.warn(`outlines: ${String(error)}`));

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
        region: (to) => take.current.drill(to),
        person: (person) => take.current.ask({ kind: "near", at: person.place }),
        nothing: () => choose(null),
        drawn: (found) => take.current.ask(found),
        ground: setGround,
      });
      setMap(view);
    });
    void mapApi.sources().then((result) => {
      if (!gone && result.ok) setSources(result.value);
    });
    return () => {
      gone = true;
      view?.close();
    };
  }, []);
  useEffect(readOutlines, [map]);

  const shownGround = useMemo(() => groundOf(sources, settings.ground), [sources, settings.ground]);
  const current = shownGround[0] ?? null;
  useEffect(() => map?.setGround(shownGround, settings.dim), [map, shownGround, settings.dim]);
  useEffect(() => {
    for (const layer of LAYERS) map?.show(layer, !settings.hidden.includes(layer));
  }, [map, settings.hidden]);
  const change = (to: typeof settings) => {
    setSettings(to);
    keepSettings(to);
  };

  const shown = useMemo(
    () =>
      [...cameras.value.values()].filter(
        (camera) => states.has(camera.state) && passes(camera, filter) && (!region || camera.region.startsWith(region)),
      ),
    [cameras.value, states, filter, region],
  );
  useEffect(() => map?.setCameras(shown, tree.value), [map, shown]);
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
  useEffect(() => {
    map?.setIncidents(openIncidents.value);
    map?.setDrawings(openIncidents.value.flatMap((one) => one.drawings.filter((drawing) => !drawing.erased_at)));
  }, [map, openIncidents.value]);
  useEffect(() => map?.setLanguage(language.value === "en"), [map, language.value]);
  const [tick, setTick] = useState(0);
  useEffect(() => {
    if (positions.value.size === 0) return;
    const timer = setInterval(() => setTick((n) => n + 1), AGE_MS);
    return () => clearInterval(timer);
  }, [positions.value.size]);
  const people = useMemo(() => peopleAt(positions.value.values(), serverNow()), [positions.value, tick]);
  useEffect(() => map?.setPeople(people), [map, people, language.value]);
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

  const goTo = (place: Place | null | undefined, zoom: number) => {
    if (place) map?.go(place, zoom, phone);
  };
  const hit = (to: Hit) => {
    switch (to.kind) {
      case "region":
        setRegion(to.region.code);
        map?.chooseRegion(to.region.code);
        if (to.region.place) return goTo(to.region.place, to.region.level === "village" ? 14 : 12);
        return drill(to.region.code);
      case "camera":
        return choose(to.camera.code);
      case "incident":
        if (to.incident.place) return goTo(to.incident.place, 14);
        return navigate(`/incidents?id=${to.incident.id}`);
      case "person":
        return goTo(to.person.place, 15);
    }
  };
  const open = (to: Side) => {
    setTool(null);
    map?.draw(null);
    setSide(to);
    // Arrows, Enter and Backspace mean the map while somebody draws, however the tool was chosen.
    if (to.kind !== "layers") target.current?.focus({ preventScroll: true });
  };
  const close = () => setSide(null);
  const placeless = [...cameras.value.values()].filter((camera) => !camera.place).length;
  const administrator = user.value?.role === "administrator";
  return (
    <div class="map-page">
      <h1 class="hidden-title">{t("nav.map")}</h1>
      <RegionList
        region={region}
        outlined={outlined}
        onRegion={drill}
        onCamera={choose}
        onDraw={(to) => open({ kind: "outline", region: to })}
        onOutlines={readOutlines}
      />
      <div class="map-stage">
        <div class="map-canvas" ref={target} tabIndex={0} role="application" aria-label={t("map.label")} />
        <div class="map-top">
          <SearchBox people={people} onHit={hit} />
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
        </div>
        <div class="map-zoom">
          <Button icon="plus" label={t("map.zoomIn")} hideLabel onClick={() => map?.zoomBy(1)} />
          <Button icon="minus" label={t("map.zoomOut")} hideLabel onClick={() => map?.zoomBy(-1)} />
          <Button icon="house" label={t("map.home")} hideLabel onClick={() => map?.home()} />
          <Button
            icon="layers"
            label={t("map.layers")}
            hideLabel
            aria-pressed={side?.kind === "layers"}
            onClick={() => (side?.kind === "layers" ? close() : open({ kind: "layers" }))}
          />
          <span class="map-tools" role="group" aria-label={t("map.find")}>
            {TOOLS.map(([one, icon]) => (
              <Button
                key={one}
                icon={icon}
                label={t(`map.find.${one}`)}
                hideLabel
                aria-pressed={tool === one}
                onClick={(event: MouseEvent) => {
                  if (side?.kind !== "layers") close();
                  // Pressed by a key there is no pointer to draw with: the middle of the screen is meant.
                  if (event.detail === 0 && map) return ask(map.here(one));
                  const next = tool === one ? null : one;
                  setTool(next);
                  map?.draw(next);
                }}
              />
            ))}
          </span>
          <span class="map-tools" role="group" aria-label={t("map.draw")}>
            {DRAFTS.map(([one, icon, draft]) => (
              <Button
                key={one}
                icon={icon}
                label={t(one === "draw" ? "map.drawing" : `map.measure.${one}`)}
                hideLabel
                aria-pressed={side?.kind === "draft" && side.tool === draft}
                onClick={() =>
                  side?.kind === "draft" && side.tool === draft ? close() : open({ kind: "draft", tool: draft })
                }
              />
            ))}
          </span>
        </div>
        {tool && (
          <p class="map-hint" role="status">
            {t(`map.draw.${tool}`)}
          </p>
        )}
        {map && (side?.kind === "draft" || side?.kind === "outline") && <span class="map-cross" aria-hidden="true" />}
        {side?.kind === "layers" && (
          <LayerPanel
            settings={settings}
            ground={current?.id ?? "sketch"}
            sources={sources}
            filter={filter}
            onSettings={change}
            onFilter={setFilter}
            onSources={() => setEditing(true)}
            onClose={close}
          />
        )}
        {map && side?.kind === "draft" && (
          <DraftPanel key={side.tool.measuring ? side.tool.kind : "draw"} map={map} tool={side.tool} onClose={close} />
        )}
        {map && side?.kind === "outline" && (
          <OutlineDraft key={side.region} map={map} region={side.region} onClose={close} onDone={readOutlines} />
        )}
        <Foot
          approval={config.approval}
          source={current}
          ground={ground}
          placeless={placeless}
          filtered={filter !== ALL_CAMERAS && Object.values(filter).some(Boolean)}
        />
        {hover && hover.code !== code && <Preview key={hover.code} {...hover} />}
      </div>
      {chosen && <CameraPanel key={chosen.code} camera={chosen} onClose={() => choose(null)} />}
      {!chosen && shape && answer && <FoundPanel found={found} onCamera={choose} onClose={() => ask(null)} />}
      {editing && administrator && (
        <SourcesDialog
          sources={sources}
          center={config.center}
          onSources={setSources}
          onClose={() => setEditing(false)}
        />
      )}
    </div>
  );
}
