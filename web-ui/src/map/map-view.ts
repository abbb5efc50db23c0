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
import { metresBetween, wedge } from "../domain/geo";
import type { CameraCode } from "../domain/ids";
import type { Shape } from "../domain/select";
import { type Camera, GRADES, type Incident, type Place, type SightEvent } from "../domain/types";
import { cameraStyle, eventStyle, foundStyle, incidentStyle, sketchStyle, wedgeStyle } from "./layers";

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
  readonly nothing: () => void;
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
  #layers: { sketch: VectorLayer; cameras: VectorLayer; wedges: VectorLayer; events: VectorLayer };
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
      style: (feature, resolution) => sketchStyle(feature, this.#english, resolution),
      declutter: true,
    });
    const cameras = new VectorLayer({
      source: clusters,
      style: (feature) => {
        const members = camerasOf(feature);
        const chosen = members.length === 1 && members[0]?.code === this.#chosen;
        return cameraStyle(
          members.map((camera) => camera.state),
          chosen,
        );
      },
    });
    const wedges = new VectorLayer({ source: this.#wedges, style: wedgeStyle, maxResolution: WEDGE_RESOLUTION });
    const events = new VectorLayer({
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
      source: this.#incidents,
      style: (feature) => {
        const incident = feature.get("incident") as Incident;
        return incidentStyle(incident.grade, incident.title);
      },
    });
    this.#layers = { sketch, cameras, wedges, events };
    this.#map = new OlMap({
      target,
      layers: [
        sketch,
        wedges,
        new VectorLayer({ source: this.#selection, style: foundStyle }),
        cameras,
        incidents,
        events,
      ],
      view: new View({ center: at(center), zoom, minZoom: 7, maxZoom: 19 }),
      controls: controls({ zoom: false, rotate: false, attribution: false }),
    });
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
    this.#layers.sketch.changed();
  }

  setCameras(cameras: readonly Camera[]): void {
    const placed = cameras.filter((camera) => camera.place !== null);
    this.#cameras.clear(true);
    this.#cameras.addFeatures(
      placed.map((camera) => new Feature({ geometry: new Point(at(camera.place as Place)), camera })),
    );
    this.#wedges.clear(true);
    this.#wedges.addFeatures(
      placed.flatMap((camera) => {
        if (camera.heading === null || !camera.view_angle || !camera.view_distance) return [];
        const ring = wedge(camera.place as Place, camera.heading, camera.view_angle, camera.view_distance);
        return [new Feature(new Polygon([ring.map((point) => fromLonLat(point))]))];
      }),
    );
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
    if (this.#draw) return;
    const hit = this.#map.forEachFeatureAtPixel(
      pixel,
      (feature) => (feature.get("incident") || feature.get("features") ? feature : undefined),
      { hitTolerance: 6 },
    );
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

/** Whether zooming in can part them. */
const apart = (places: readonly Place[]): boolean =>
  places.some((place) => place.lon !== places[0]?.lon || place.lat !== places[0]?.lat);
