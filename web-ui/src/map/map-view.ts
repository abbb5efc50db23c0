/** The map itself: OpenLayers held in one object with one `close()`. Views tell it what there is; it tells what was picked. */
import "ol/ol.css";
import { defaults as controls } from "ol/control/defaults";
import type { EventsKey } from "ol/events";
import { boundingExtent, isEmpty } from "ol/extent";
import Feature, { type FeatureLike } from "ol/Feature";
import GeoJSON from "ol/format/GeoJSON";
import { Circle, type Geometry, LineString, Point, Polygon } from "ol/geom";
import Draw, { createBox } from "ol/interaction/Draw";
import VectorLayer from "ol/layer/Vector";
import OlMap from "ol/Map";
import { unByKey } from "ol/Observable";
import { fromLonLat, toLonLat } from "ol/proj";
import ClusterSource from "ol/source/Cluster";
import VectorSource from "ol/source/Vector";
import View from "ol/View";
import { SKETCH_URL } from "../api/client";
import type { Camera } from "../domain/camera";
import type { Drawing, Incident } from "../domain/command";
import { GRADES, type SightEvent } from "../domain/event";
import { metresBetween, wedge } from "../domain/geo";
import type { CameraCode, RegionCode } from "../domain/ids";
import type { DraftKind } from "../domain/measure";
import type { Person } from "../domain/people";
import type { Place } from "../domain/region";
import type { Shape } from "../domain/select";
import type { Tree } from "../domain/tree";
import { ageWords } from "../i18n/words";
import { type DraftEvents, Drafting, drawnFeatures } from "./drafting";
import { Ground, type GroundState } from "./ground";
import { cameraStyle, eventStyle, foundStyle, incidentStyle, NAMES, sketchStyle, wedgeStyle } from "./layers";
import { MARKS_FROM, markOf, RegionMarks } from "./region-marks";
import type { LayerName } from "./settings";
import type { MapSource } from "./sources";
import { borderStyle, drawnStyle, outlineStyle, personStyle } from "./styles";

/** Metres a pixel under which fields of view are drawn. */
const WEDGE_RESOLUTION = 12;
const CLUSTER_PX = 38;
/** A pulse a second, drawn in few steps: the map is not an animation. */
const PULSE_MS = 1000;
const PULSE_STEPS = 12;

export interface Picks {
  readonly camera: (code: CameraCode) => void;
  readonly event: (event: SightEvent) => void;
  readonly incident: (incident: Incident) => void;
  /** A camera under the pointer, and where; `null` when it left. */
  readonly hover: (code: CameraCode | null, pixel: [number, number]) => void;
  readonly region: (code: RegionCode) => void;
  readonly person: (person: Person) => void;
  readonly nothing: () => void;
  /** What the tiles of the ground did. */
  readonly ground: (state: GroundState) => void;
  /** A shape was drawn, or the drawing was given up. */
  readonly drawn: (shape: Shape | null) => void;
}
export type Tool = Shape["kind"];
const DRAWS = { near: "Point", circle: "Circle", box: "Circle", polygon: "Polygon", line: "LineString" } as const;

const at = (place: Place) => fromLonLat([place.lon, place.lat]);
function placeOf(point: readonly number[]): Place {
  const [lon = 0, lat = 0] = toLonLat([...point]);
  return { lon, lat };
}

export class MapView {
  #map: OlMap;
  #sketch = new VectorSource();
  #cameras = new VectorSource<Feature<Point>>();
  #wedges = new VectorSource();
  #events = new VectorSource<Feature<Point>>();
  #incidents = new VectorSource();
  #selection = new VectorSource<Feature<Geometry>>();
  #draw: Draw | null = null;
  #people = new VectorSource<Feature<Point>>();
  #outlines = new VectorSource();
  #drawings = new VectorSource<Feature<Geometry>>();
  #layers: Record<LayerName | "sketch" | "border", VectorLayer>;
  #marks: RegionMarks;
  #ground: Ground;
  #drafting: Drafting | null = null;
  #shown = new Map<CameraCode, { camera: Camera; feature: Feature<Point>; wedge: Feature | null }>();
  #region: RegionCode | null = null;
  #keys: EventsKey[] = [];
  #pulse: ReturnType<typeof setInterval> | undefined;
  #chosen: CameraCode | null = null;
  #english = false;
  #still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  #hovered: CameraCode | null = null;
  #led = false;
  #aborted = new AbortController();

  constructor(
    target: HTMLElement,
    center: Place,
    zoom: number,
    private readonly picks: Picks,
  ) {
    const clusters = new ClusterSource({ distance: CLUSTER_PX, minDistance: 20, source: this.#cameras });
    const sketch = new VectorLayer({
      source: this.#sketch,
      style: (feature, resolution) =>
        sketchStyle(feature, this.#english, resolution, this.#marks.marked(feature.get("code"), resolution)),
      declutter: NAMES,
    });
    const cameras = new VectorLayer({
      source: clusters,
      maxResolution: MARKS_FROM,
      zIndex: 4,
      style: (feature) => {
        const members = camerasOf(feature);
        const chosen = members.length === 1 && members[0]?.code === this.#chosen;
        return cameraStyle(
          members.map((camera) => camera.state),
          chosen,
        );
      },
    });
    const wedges = new VectorLayer({
      source: this.#wedges,
      style: wedgeStyle,
      maxResolution: WEDGE_RESOLUTION,
      zIndex: 2,
    });
    const people = new VectorLayer({
      source: this.#people,
      style: (feature) => {
        const person = feature.get("person") as Person;
        return personStyle(person.name, ageWords(person.ageMs), person.stale);
      },
      zIndex: 7,
    });
    const outlines = new VectorLayer({
      source: this.#outlines,
      style: (feature, resolution) => {
        const name = String((this.#english && feature.get("name_en")) || feature.get("name") || "");
        return outlineStyle(name, feature.get("code") === this.#region, resolution);
      },
      declutter: NAMES,
      zIndex: 1,
    });
    const drawings = new VectorLayer({ source: this.#drawings, style: drawnStyle, zIndex: 6 });
    const border = new VectorLayer({ source: this.#sketch, style: borderStyle, zIndex: 0, visible: false });
    const events = new VectorLayer({
      zIndex: 8,
      source: new ClusterSource({ distance: CLUSTER_PX, source: this.#events }),
      style: (feature) => {
        const members = eventsOf(feature);
        const first = members[0];
        if (!first) return [];
        const step = Math.floor((performance.now() % PULSE_MS) / (PULSE_MS / PULSE_STEPS)) / PULSE_STEPS;
        return eventStyle(first.grade, members.length, first.acknowledged || this.#still ? null : step);
      },
    });
    const incidents = new VectorLayer({
      zIndex: 6,
      source: this.#incidents,
      style: (feature) => {
        const incident = feature.get("incident") as Incident;
        return incidentStyle(incident.grade, incident.title);
      },
    });
    sketch.setZIndex(-30);
    this.#layers = { sketch, border, cameras, wedges, events, incidents, people, outlines, drawings };
    this.#map = new OlMap({
      target,
      layers: [
        sketch,
        border,
        outlines,
        wedges,
        new VectorLayer({ source: this.#selection, style: foundStyle, zIndex: 3 }),
        cameras,
        drawings,
        incidents,
        people,
        events,
      ],
      view: new View({ center: at(center), zoom, minZoom: 7, maxZoom: 19 }),
      controls: controls({ zoom: false, rotate: false, attribution: false }),
    });
    this.#marks = new RegionMarks(this.#map, 4);
    this.#ground = new Ground(this.#map, picks.ground);
    this.#map.once("rendercomplete", () => performance.mark("map-ground"));
    this.#keys = [
      this.#map.on("singleclick", (event) => this.#press(event.pixel)),
      this.#map.on("pointermove", (event) => {
        if (!event.dragging) this.#move(event.pixel);
      }),
    ];
    void this.#loadSketch();
  }

  setLanguage(english: boolean): void {
    this.#english = english;
    this.#marks.setLanguage(english);
    for (const layer of Object.values(this.#layers)) layer.changed();
  }

  /** What has not changed is left as it is: of thousands, a few change every second. */
  setCameras(cameras: readonly Camera[], tree: Tree): void {
    const gone = new Map(this.#shown);
    const added: Feature<Point>[] = [];
    const wedges: Feature[] = [];
    for (const camera of cameras) {
      if (!camera.place) continue;
      const old = this.#shown.get(camera.code);
      if (old && sameSpot(old.camera, camera)) {
        gone.delete(camera.code);
        if (old.camera === camera) continue;
        old.camera = camera;
        // Silently: the layer is drawn once, below.
        old.feature.set("camera", camera, true);
        continue;
      }
      const feature = new Feature({ geometry: new Point(at(camera.place)), camera });
      const looks = wedgeOf(camera);
      added.push(feature);
      if (looks) wedges.push(looks);
      this.#shown.set(camera.code, { camera, feature, wedge: looks });
    }
    for (const [code, old] of gone) {
      if (this.#shown.get(code) === old) this.#shown.delete(code);
    }
    if (gone.size > 0) {
      this.#cameras.removeFeatures([...gone.values()].map((one) => one.feature));
      this.#wedges.removeFeatures([...gone.values()].flatMap((one) => one.wedge ?? []));
    }
    if (added.length > 0) this.#cameras.addFeatures(added);
    if (wedges.length > 0) this.#wedges.addFeatures(wedges);
    this.#layers.cameras.changed();
    this.#marks.set(tree, cameras);
    this.#layers.sketch.changed();
    if (cameras.length > 0 && performance.getEntriesByName("map-picture").length === 0) {
      this.#map.once("rendercomplete", () => performance.mark("map-picture"));
    }
  }

  setPeople(people: readonly Person[]): void {
    this.#people.clear(true);
    this.#people.addFeatures(people.map((person) => new Feature({ geometry: new Point(at(person.place)), person })));
  }

  /** A FeatureCollection of the gateway. */
  setOutlines(collection: unknown): void {
    this.#outlines.clear(true);
    this.#outlines.addFeatures(new GeoJSON().readFeatures(collection, { featureProjection: "EPSG:3857" }));
  }

  /** Whose outline is marked. */
  chooseRegion(code: RegionCode | null): void {
    this.#region = code;
    this.#layers.outlines.changed();
  }

  setDrawings(drawings: readonly Pick<Drawing, "kind" | "points" | "text">[]): void {
    this.#drawings.clear(true);
    this.#drawings.addFeatures(drawings.flatMap((one) => drawnFeatures(one.kind, one.points, one.text)));
  }

  /** Begins to draw or to measure; what was begun before is given up. */
  draft(kind: DraftKind, measuring: boolean, events: DraftEvents): Drafting {
    this.draw(null);
    this.endDraft();
    this.#drafting = new Drafting(this.#map, kind, measuring, events);
    return this.#drafting;
  }
  endDraft(): void {
    this.#drafting?.close();
    this.#drafting = null;
  }

  show(layer: LayerName, visible: boolean): void {
    this.#layers[layer].setVisible(visible);
    if (layer !== "cameras") return;
    this.#marks.show(visible);
    this.#layers.sketch.changed();
  }

  /** The tiles of these sources, the lowest first; none: the sketch. */
  setGround(sources: readonly MapSource[], dim: boolean): void {
    this.#ground.show(sources, dim);
    this.#layers.border.setVisible(sources.length > 0);
  }

  setEvents(events: readonly SightEvent[]): void {
    this.#events.clear(true);
    this.#events.addFeatures(
      events.flatMap((event) => (event.place ? [new Feature({ geometry: new Point(at(event.place)), event })] : [])),
    );
    clearInterval(this.#pulse);
    this.#pulse = undefined;
    if (!this.#still && events.some((event) => !event.acknowledged && event.place)) {
      this.#pulse = setInterval(() => {
        if (!document.hidden) this.#layers.events.changed();
      }, PULSE_MS / PULSE_STEPS);
    }
  }

  setIncidents(incidents: readonly Incident[]): void {
    this.#incidents.clear(true);
    this.#incidents.addFeatures(
      incidents.flatMap((incident) =>
        incident.place ? [new Feature({ geometry: new Point(at(incident.place)), incident })] : [],
      ),
    );
  }

  /** Lets the next presses draw; `null` gives a drawing up. */
  draw(tool: Tool | null): void {
    if (this.#draw) this.#map.removeInteraction(this.#draw);
    this.#draw = null;
    if (!tool) return;
    const draw = new Draw({
      type: DRAWS[tool],
      stopClick: true,
      ...(tool === "box" ? { geometryFunction: createBox() } : {}),
    });
    draw.on("drawend", (event) => {
      const geometry = event.feature.getGeometry();
      // After this event, since the interaction is still at work in it.
      setTimeout(() => {
        this.draw(null);
        this.picks.drawn(geometry ? shapeOf(tool, geometry) : null);
      });
    });
    this.#draw = draw;
    this.#map.addInteraction(draw);
  }

  /** The shape that a key means: around the middle of what is on the screen. */
  here(tool: Tool): Shape {
    const [west = 0, south = 0, east = 0, north = 0] = this.#map.getView().calculateExtent(this.#map.getSize());
    const [low, high] = [placeOf([west, south]), placeOf([east, north])];
    const middle = placeOf([(west + east) / 2, (south + north) / 2]);
    switch (tool) {
      case "near":
        return { kind: "near", at: middle };
      case "circle": {
        const across = metresBetween({ ...middle, lon: low.lon }, { ...middle, lon: high.lon });
        const up = metresBetween({ ...middle, lat: low.lat }, { ...middle, lat: high.lat });
        return { kind: "circle", at: middle, radius: Math.min(across, up) / 3 };
      }
      case "box":
        return { kind: "box", west: low.lon, south: low.lat, east: high.lon, north: high.lat };
      case "polygon": {
        // A diamond: what is in the corners of the screen is not meant.
        const corners = [
          { lon: low.lon, lat: middle.lat },
          { lon: middle.lon, lat: high.lat },
          { lon: high.lon, lat: middle.lat },
          { lon: middle.lon, lat: low.lat },
        ];
        return { kind: "polygon", points: corners };
      }
      case "line":
        return {
          kind: "line",
          points: [
            { lon: low.lon, lat: middle.lat },
            { lon: high.lon, lat: middle.lat },
          ],
        };
    }
  }

  /** Shows what was asked about, and which cameras were found. */
  select(shape: Shape | null, found: readonly Place[]): void {
    this.#selection.clear(true);
    if (!shape) return;
    this.#selection.addFeatures([
      new Feature(geometryOf(shape)),
      ...found.map((place) => new Feature<Geometry>({ geometry: new Point(at(place)), found: true })),
    ]);
  }

  choose(code: CameraCode | null): void {
    this.#chosen = code;
    this.#layers.cameras.changed();
  }

  go(place: Place, zoom: number, covered = false): void {
    this.#led = true;
    const view = this.#map.getView();
    const [x = 0, y = 0] = at(place);
    // On a phone the panel covers the lower three quarters: the camera goes into what is left.
    const down = covered ? (this.#map.getSize()?.[1] ?? 0) * 0.3 * view.getResolutionForZoom(zoom) : 0;
    view.animate({ center: [x, y - down], zoom, duration: this.#still ? 0 : 250 });
  }
  /** Shows all of these places. */
  fit(places: readonly Place[]): void {
    if (places.length === 0) return;
    this.#led = true;
    const extent = boundingExtent(places.map(at));
    if (!isEmpty(extent)) this.#fit(extent);
    else if (places[0]) this.go(places[0], 14);
  }
  zoomBy(step: number): void {
    const view = this.#map.getView();
    view.animate({ zoom: (view.getZoom() ?? 10) + step, duration: this.#still ? 0 : 150 });
  }
  home(): void {
    const district = this.#sketch.getFeatures().find((feature) => feature.get("kind") === "district");
    const extent = district?.getGeometry()?.getExtent();
    if (extent) this.#fit(extent);
  }

  close(): void {
    this.#aborted.abort();
    this.endDraft();
    this.#ground.close();
    clearInterval(this.#pulse);
    for (const key of this.#keys) unByKey(key);
    this.#map.setTarget(undefined);
    this.#map.dispose();
  }

  #fit(extent: number[]): void {
    this.#map.getView().fit(extent, { padding: [40, 40, 40, 40], maxZoom: 16, duration: this.#still ? 0 : 250 });
  }

  async #loadSketch(): Promise<void> {
    try {
      const answer = await fetch(SKETCH_URL, { signal: this.#aborted.signal });
      if (!answer.ok) throw new Error(`${answer.status}`);
      const features = new GeoJSON().readFeatures(await answer.json(), { featureProjection: "EPSG:3857" });
      const order: Record<string, number> = { neighbour: 0, district: 1, town: 2 };
      features.sort((a, b) => (order[a.get("kind")] ?? 0) - (order[b.get("kind")] ?? 0));
      this.#sketch.addFeatures(features);
      // A camera that was asked for by the address has been gone to already.
      if (!this.#led) this.home();
    } catch (error) {
      if (!this.#aborted.signal.aborted) console.warn(`sketch map: ${String(error)}`);
    }
  }

  #press(pixel: number[]): void {
    if (this.#draw || this.#drafting) return;
    const pressed = ["incident", "features", "mark", "person"];
    const hit = this.#map.forEachFeatureAtPixel(
      pixel,
      (feature) => (pressed.some((name) => feature.get(name)) ? feature : undefined),
      { hitTolerance: 6 },
    );
    if (hit?.get("mark")) return this.picks.region(markOf(hit).code);
    if (hit?.get("person")) return this.picks.person(hit.get("person") as Person);
    const events = hit ? eventsOf(hit) : [];
    const event = events[0];
    const incident = hit?.get("incident") as Incident | undefined;
    const members = hit ? camerasOf(hit) : [];
    const first = members[0];
    const places = events.flatMap((one) => (one.place ? [one.place] : []));
    if (event && apart(places)) this.fit(places);
    else if (event) this.picks.event(event);
    else if (incident) this.picks.incident(incident);
    else if (first) {
      const spots = members.flatMap((camera) => (camera.place ? [camera.place] : []));
      if (apart(spots)) this.fit(spots);
      else this.picks.camera(first.code);
    } else this.picks.nothing();
  }

  #move(pixel: number[]): void {
    const hit = this.#map.forEachFeatureAtPixel(pixel, (feature) => feature, {
      layerFilter: (layer) => layer === this.#layers.cameras,
      hitTolerance: 3,
    });
    const members = hit ? camerasOf(hit) : [];
    const code = members.length === 1 ? (members[0]?.code ?? null) : null;
    (this.#map.getTargetElement() as HTMLElement).style.cursor = hit ? "pointer" : "";
    if (code === this.#hovered) return;
    this.#hovered = code;
    this.picks.hover(code, [pixel[0] ?? 0, pixel[1] ?? 0]);
  }
}

function shapeOf(tool: Tool, geometry: Geometry): Shape | null {
  if (tool === "near" && geometry instanceof Point) return { kind: "near", at: placeOf(geometry.getCoordinates()) };
  if (tool === "circle" && geometry instanceof Circle) {
    const [x = 0, y = 0] = geometry.getCenter();
    const middle = placeOf([x, y]);
    return { kind: "circle", at: middle, radius: metresBetween(middle, placeOf([x + geometry.getRadius(), y])) };
  }
  if (tool === "box") {
    const [west = 0, south = 0, east = 0, north = 0] = geometry.getExtent();
    const [low, high] = [placeOf([west, south]), placeOf([east, north])];
    return { kind: "box", west: low.lon, south: low.lat, east: high.lon, north: high.lat };
  }
  if (tool === "polygon" && geometry instanceof Polygon) {
    return { kind: "polygon", points: (geometry.getCoordinates()[0] ?? []).slice(0, -1).map(placeOf) };
  }
  if (tool === "line" && geometry instanceof LineString) {
    return { kind: "line", points: geometry.getCoordinates().map(placeOf) };
  }
  return null;
}

function geometryOf(shape: Shape): Geometry {
  switch (shape.kind) {
    case "near":
      return new Point(at(shape.at));
    case "circle": {
      // Metres of the map are longer than metres on the ground, the more so the further north.
      const stretch = 1 / Math.cos((shape.at.lat * Math.PI) / 180);
      return new Circle(at(shape.at), shape.radius * stretch);
    }
    case "box": {
      const ring = [
        [shape.west, shape.south],
        [shape.east, shape.south],
        [shape.east, shape.north],
        [shape.west, shape.north],
        [shape.west, shape.south],
      ];
      return new Polygon([ring.map((point) => fromLonLat(point))]);
    }
    case "polygon": {
      const ring = [...shape.points, ...shape.points.slice(0, 1)];
      return new Polygon([ring.map(at)]);
    }
    case "line":
      return new LineString(shape.points.map(at));
  }
}

/** The cameras of a cluster. */
function camerasOf(cluster: FeatureLike): Camera[] {
  return ((cluster.get("features") as Feature[] | undefined) ?? []).flatMap((member) => {
    const camera = member.get("camera") as Camera | undefined;
    return camera ? [camera] : [];
  });
}

/** The events of a pin, those that wait first, the gravest first among them. */
function eventsOf(pin: FeatureLike): SightEvent[] {
  const members = ((pin.get("features") as Feature[] | undefined) ?? []).flatMap((member) => {
    const event = member.get("event") as SightEvent | undefined;
    return event ? [event] : [];
  });
  const rank = (event: SightEvent): number => (event.acknowledged ? 10 : 0) + GRADES.indexOf(event.grade);
  return members.sort((a, b) => rank(a) - rank(b));
}

/** Whether a camera stands and looks where it did. */
const sameSpot = (a: Camera, b: Camera): boolean =>
  a.place?.lon === b.place?.lon &&
  a.place?.lat === b.place?.lat &&
  a.heading === b.heading &&
  a.view_angle === b.view_angle &&
  a.view_distance === b.view_distance;

function wedgeOf(camera: Camera): Feature | null {
  if (!camera.place || camera.heading === null || !camera.view_angle || !camera.view_distance) return null;
  const ring = wedge(camera.place, camera.heading, camera.view_angle, camera.view_distance);
  return new Feature(new Polygon([ring.map((point) => fromLonLat(point))]));
}

/** Whether zooming in can part them. */
const apart = (places: readonly Place[]): boolean =>
  places.some((place) => place.lon !== places[0]?.lon || place.lat !== places[0]?.lat);
