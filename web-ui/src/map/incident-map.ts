/**
 * A small map of one incident: the sketch, its cameras and where they look, the incident, people who share where they are, and
 * what was said at a place. For the field and for the replay; what is chosen and searched belongs to the large map.
 */
import "ol/ol.css";
import { defaults as controls } from "ol/control/defaults";
import { boundingExtent } from "ol/extent";
import Feature from "ol/Feature";
import GeoJSON from "ol/format/GeoJSON";
import { Point, Polygon } from "ol/geom";
import VectorLayer from "ol/layer/Vector";
import OlMap from "ol/Map";
import { fromLonLat } from "ol/proj";
import VectorSource from "ol/source/Vector";
import { Circle, Fill, Stroke, Style, Text } from "ol/style";
import View from "ol/View";
import { SKETCH_URL } from "../api/client";
import type { Camera } from "../domain/camera";
import type { Drawing } from "../domain/command";
import type { Grade } from "../domain/event";
import { wedge } from "../domain/geo";
import type { Place } from "../domain/region";
import { drawnFeatures } from "./drafting";
import { Ground } from "./ground";
import { cameraStyle, INK, incidentStyle, scale, sketchStyle, wedgeStyle } from "./layers";
import { groundOf, readSettings } from "./settings";
import { mapApi } from "./sources";
import { drawnStyle } from "./styles";

export interface Mark {
  readonly place: Place;
  readonly label: string;
  /** Oneself, another person, or something that was said there. */
  readonly kind: "me" | "person" | "said";
}

const at = (place: Place) => fromLonLat([place.lon, place.lat]);
const MARK_INK = { me: "#4C9AFF", person: "#7BD88F", said: "#FFD84D" } as const;

export class IncidentMap {
  #map: OlMap;
  #sketch = new VectorSource();
  #cameras = new VectorSource();
  #wedges = new VectorSource();
  #incident = new VectorSource();
  #marks = new VectorSource();
  #drawings = new VectorSource();
  #ground: Ground;
  #abort = new AbortController();

  constructor(target: HTMLElement, center: Place, english: boolean) {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.#map = new OlMap({
      target,
      layers: [
        new VectorLayer({
          source: this.#sketch,
          style: (feature, resolution) => sketchStyle(feature, english, resolution),
          declutter: true,
          zIndex: -30,
        }),
        new VectorLayer({ source: this.#wedges, style: wedgeStyle }),
        new VectorLayer({
          source: this.#cameras,
          style: (feature) => cameraStyle([(feature.get("camera") as Camera).state], false),
        }),
        new VectorLayer({ source: this.#drawings, style: drawnStyle }),
        new VectorLayer({
          source: this.#incident,
          style: (feature) => incidentStyle(feature.get("grade") as Grade, String(feature.get("title"))),
        }),
        new VectorLayer({
          source: this.#marks,
          style: (feature) => markStyle(feature.get("mark") as Mark),
          declutter: !still,
        }),
      ],
      view: new View({ center: at(center), zoom: 13, minZoom: 7, maxZoom: 19 }),
      controls: controls({ zoom: false, rotate: false, attribution: false }),
    });
    // What a tile is missing for is told on the large map; here the sketch beneath says enough.
    this.#ground = new Ground(this.#map, () => undefined);
    void this.#loadSketch();
    void this.#loadGround();
  }

  /** What was drawn for its incidents. */
  setDrawings(drawings: readonly Pick<Drawing, "kind" | "points" | "text">[]): void {
    this.#drawings.clear(true);
    this.#drawings.addFeatures(drawings.flatMap((one) => drawnFeatures(one.kind, one.points, one.text)));
  }

  setCameras(cameras: readonly Camera[]): void {
    this.#cameras.clear(true);
    this.#wedges.clear(true);
    for (const camera of cameras) {
      if (!camera.place) continue;
      this.#cameras.addFeature(new Feature({ geometry: new Point(at(camera.place)), camera }));
      if (camera.heading === null || !camera.view_angle || !camera.view_distance) continue;
      const ring = wedge(camera.place, camera.heading, camera.view_angle, camera.view_distance);
      this.#wedges.addFeature(new Feature(new Polygon([ring.map((point) => fromLonLat(point))])));
    }
  }

  setIncidents(
    incidents: readonly { readonly place?: Place | null; readonly grade: Grade; readonly title: string }[],
  ): void {
    this.#incident.clear(true);
    for (const { place, grade, title } of incidents) {
      if (place) this.#incident.addFeature(new Feature({ geometry: new Point(at(place)), grade, title }));
    }
  }

  setMarks(marks: readonly Mark[]): void {
    this.#marks.clear(true);
    this.#marks.addFeatures(marks.map((mark) => new Feature({ geometry: new Point(at(mark.place)), mark })));
  }

  fit(places: readonly Place[]): void {
    if (places.length === 0) return;
    const extent = boundingExtent(places.map(at));
    this.#map.getView().fit(extent, { padding: [60, 96, 60, 60], maxZoom: 16 });
  }

  zoomBy(step: number): void {
    const view = this.#map.getView();
    view.setZoom((view.getZoom() ?? 12) + step);
  }

  close(): void {
    this.#abort.abort();
    this.#ground.close();
    this.#map.setTarget(undefined);
    this.#map.dispose();
  }

  /** The ground that the large map has in this browser, or opens with. */
  async #loadGround(): Promise<void> {
    const sources = await mapApi.sources();
    if (this.#abort.signal.aborted || !sources.ok) return;
    const settings = readSettings();
    this.#ground.show(groundOf(sources.value, settings.ground), settings.dim);
  }

  async #loadSketch(): Promise<void> {
    try {
      const answer = await fetch(SKETCH_URL, { signal: this.#abort.signal });
      if (!answer.ok) throw new Error(`${answer.status}`);
      const features = new GeoJSON().readFeatures(await answer.json(), { featureProjection: "EPSG:3857" });
      const order: Record<string, number> = { neighbour: 0, district: 1, town: 2 };
      features.sort((a, b) => (order[a.get("kind")] ?? 0) - (order[b.get("kind")] ?? 0));
      this.#sketch.addFeatures(features);
    } catch (error) {
      if (!this.#abort.signal.aborted) console.warn(`sketch map: ${String(error)}`);
    }
  }
}

function markStyle(mark: Mark): Style {
  const k = scale();
  return new Style({
    image: new Circle({
      radius: (mark.kind === "said" ? 5 : 8) * k,
      fill: new Fill({ color: MARK_INK[mark.kind] }),
      stroke: new Stroke({ color: INK.halo, width: 2 * k }),
    }),
    text: new Text({
      text: mark.label,
      font: `${13 * k}px "Noto Sans CJK SC","Microsoft YaHei",system-ui`,
      offsetY: -16 * k,
      fill: new Fill({ color: INK.text }),
      stroke: new Stroke({ color: INK.halo, width: 3 * k }),
    }),
    zIndex: mark.kind === "me" ? 9 : 8,
  });
}
