/** A small map on which one camera is placed and turned. OpenLayers held in one object with one `close()`. */
import "ol/ol.css";
import { defaults as controls } from "ol/control/defaults";
import Feature from "ol/Feature";
import GeoJSON from "ol/format/GeoJSON";
import { LineString, Point, Polygon } from "ol/geom";
import Translate from "ol/interaction/Translate";
import VectorLayer from "ol/layer/Vector";
import OlMap from "ol/Map";
import { fromLonLat, toLonLat } from "ol/proj";
import VectorSource from "ol/source/Vector";
import CircleStyle from "ol/style/Circle";
import Fill from "ol/style/Fill";
import Stroke from "ol/style/Stroke";
import Style from "ol/style/Style";
import View from "ol/View";
import { SKETCH_URL } from "../api/client";
import type { Camera } from "../domain/camera";
import { bearing, wedge } from "../domain/geo";
import type { Place } from "../domain/region";
import { cameraStyle, sketchStyle } from "../map/layers";

export interface Look {
  readonly place: Place | null;
  readonly heading: number | null;
  readonly angle: number | null;
  readonly distance: number | null;
}
const SHOWN_ANGLE = 70;
const SHOWN_DISTANCE = 60;
/** The arrow's handle stands so far out, in pixels, however near the map is. */
const HANDLE_PX = 90;
const at = (place: Place) => fromLonLat([place.lon, place.lat]);
const ACCENT = "#4c9aff";

export class PickMap {
  #map: OlMap;
  #own = new VectorSource();
  #others = new VectorSource();
  #sketch = new VectorSource();
  #look: Look = { place: null, heading: null, angle: null, distance: null };
  #aborted = new AbortController();
  #body = new Feature<Polygon>();
  #dot = new Feature<Point>();
  #arrow = new Feature<LineString>();
  #handle = new Feature<Point>();

  constructor(
    target: HTMLElement,
    center: Place,
    private readonly picked: (change: { place?: Place; heading?: number }) => void,
    english: boolean,
  ) {
    this.#body.setStyle(
      new Style({ fill: new Fill({ color: "#4c9aff55" }), stroke: new Stroke({ color: ACCENT, width: 2 }) }),
    );
    this.#dot.setStyle(
      new Style({
        image: new CircleStyle({
          radius: 9,
          fill: new Fill({ color: ACCENT }),
          stroke: new Stroke({ color: "#fff", width: 2 }),
        }),
      }),
    );
    this.#arrow.setStyle(new Style({ stroke: new Stroke({ color: ACCENT, width: 2, lineDash: [6, 4] }) }));
    this.#handle.setStyle(
      new Style({
        image: new CircleStyle({
          radius: 11,
          fill: new Fill({ color: "#fff" }),
          stroke: new Stroke({ color: ACCENT, width: 3 }),
        }),
      }),
    );
    this.#map = new OlMap({
      target,
      layers: [
        new VectorLayer({
          source: this.#sketch,
          style: (feature, resolution) => sketchStyle(feature, english, resolution),
          declutter: true,
        }),
        new VectorLayer({
          source: this.#others,
          style: (feature) => cameraStyle([(feature.get("camera") as Camera).state], false),
          maxResolution: 20,
          opacity: 0.55,
        }),
        new VectorLayer({ source: this.#own }),
      ],
      view: new View({ center: at(center), zoom: 15, minZoom: 7, maxZoom: 20 }),
      controls: controls({ zoom: false, rotate: false, attribution: false }),
    });
    const drag = new Translate({
      features: undefined,
      filter: (feature) => feature === this.#dot || feature === this.#handle,
    });
    drag.on(["translating", "translateend"], () => this.#dragged());
    this.#map.addInteraction(drag);
    this.#map.on("singleclick", (event) => {
      const [lon = 0, lat = 0] = toLonLat(event.coordinate);
      this.picked({ place: { lon, lat } });
    });
    this.#map.getView().on("change:resolution", () => this.#draw());
    void this.#load();
  }

  show(look: Look, others: readonly Camera[]): void {
    this.#look = look;
    this.#others.clear(true);
    this.#others.addFeatures(
      others.flatMap((camera) =>
        camera.place ? [new Feature({ geometry: new Point(at(camera.place)), camera })] : [],
      ),
    );
    this.#draw();
  }

  go(place: Place): void {
    this.#map.getView().setCenter(at(place));
  }

  zoomBy(step: number): void {
    const view = this.#map.getView();
    view.setZoom((view.getZoom() ?? 15) + step);
  }

  /** Degrees of a pixel: what an arrow key moves by. */
  step(): { lon: number; lat: number } {
    const view = this.#map.getView();
    const size = view.getResolution() ?? 1;
    const [x = 0, y = 0] = view.getCenter() ?? [0, 0];
    const [lon0 = 0, lat0 = 0] = toLonLat([x, y]);
    const [lon1 = 0, lat1 = 0] = toLonLat([x + size, y + size]);
    return { lon: lon1 - lon0, lat: lat1 - lat0 };
  }

  middle(): Place {
    const [lon = 0, lat = 0] = toLonLat(this.#map.getView().getCenter() ?? [0, 0]);
    return { lon, lat };
  }

  close(): void {
    this.#aborted.abort();
    this.#map.setTarget(undefined);
    this.#map.dispose();
  }

  #draw(): void {
    const { place, heading, angle, distance } = this.#look;
    this.#own.clear(true);
    if (!place) return;
    const point = at(place);
    this.#dot.setGeometry(new Point(point));
    if (heading !== null) {
      const ring = wedge(place, heading, angle ?? SHOWN_ANGLE, distance ?? SHOWN_DISTANCE);
      this.#body.setGeometry(new Polygon([ring.map((corner) => fromLonLat(corner))]));
      this.#own.addFeature(this.#body);
    }
    const turn = ((heading ?? 0) * Math.PI) / 180;
    const out = HANDLE_PX * (this.#map.getView().getResolution() ?? 1);
    const [x = 0, y = 0] = point;
    const end = [x + Math.sin(turn) * out, y + Math.cos(turn) * out];
    this.#arrow.setGeometry(new LineString([point, end]));
    this.#handle.setGeometry(new Point(end));
    this.#own.addFeatures([this.#arrow, this.#dot, this.#handle]);
  }

  #dragged(): void {
    const { place } = this.#look;
    const dot = this.#dot.getGeometry()?.getCoordinates();
    const handle = this.#handle.getGeometry()?.getCoordinates();
    if (!place || !dot || !handle) return;
    const [lon = 0, lat = 0] = toLonLat(dot);
    const [x = 0, y = 0] = at(place);
    const moved = Math.hypot((dot[0] ?? 0) - x, (dot[1] ?? 0) - y) > 1e-6;
    if (moved) {
      this.picked({ place: { lon, lat } });
      return;
    }
    const [hLon = 0, hLat = 0] = toLonLat(handle);
    this.picked({ heading: Math.round(bearing(place, { lon: hLon, lat: hLat })) % 360 });
  }

  async #load(): Promise<void> {
    try {
      const answer = await fetch(SKETCH_URL, { signal: this.#aborted.signal });
      if (!answer.ok) return;
      this.#sketch.addFeatures(new GeoJSON().readFeatures(await answer.json(), { featureProjection: "EPSG:3857" }));
    } catch (error) {
      if (!this.#aborted.signal.aborted) console.warn(`sketch map: ${String(error)}`);
    }
  }
}
