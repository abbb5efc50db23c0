/**
 * Drawing on the map corner by corner: by pointer, or by keys with the cross in the middle of the map. What is drawn so far is a plain
 * list; this object holds it while it grows, and nothing of it stays behind when it ends.
 */
import type { EventsKey } from "ol/events";
import Feature from "ol/Feature";
import { type Geometry, LineString, Point, Polygon } from "ol/geom";
import VectorLayer from "ol/layer/Vector";
import type OlMap from "ol/Map";
import { unByKey } from "ol/Observable";
import { fromLonLat, toLonLat } from "ol/proj";
import VectorSource from "ol/source/Vector";
import { areaOf, type DraftKind, isWhole, lengthOf, withCorner } from "../domain/measure";
import type { Place } from "../domain/region";
import { areaWords, measuredWords } from "../i18n/words";
import { drawnStyle } from "./styles";

/** Two presses nearer than this, in pixels, are one corner: a double press ends what is drawn. */
const SAME_PX = 5;

export interface DraftEvents {
  readonly changed: (points: readonly Place[]) => void;
  /** Ended by a double press or Enter, and whole. */
  readonly done: (points: readonly Place[]) => void;
}

const at = (place: Place) => fromLonLat([place.lon, place.lat]);
const placeOf = (point: readonly number[]): Place => {
  const [lon = 0, lat = 0] = toLonLat([...point]);
  return { lon, lat };
};

export class Drafting {
  #points: readonly Place[] = [];
  #pointer: Place | null = null;
  #source = new VectorSource<Feature<Geometry>>();
  #layer = new VectorLayer({ source: this.#source, style: drawnStyle, zIndex: 30 });
  #keys: EventsKey[];

  constructor(
    private readonly map: OlMap,
    private readonly kind: DraftKind,
    private readonly measuring: boolean,
    private readonly events: DraftEvents,
  ) {
    map.addLayer(this.#layer);
    this.#keys = [
      map.on("click", (event) => {
        this.add(placeOf(event.coordinate));
      }),
      map.on("dblclick", (event) => {
        // Otherwise the map zooms.
        event.preventDefault();
        event.stopPropagation();
        this.finish();
      }),
      map.on("pointermove", (event) => {
        if (event.dragging) return;
        this.#pointer = placeOf(event.coordinate);
        this.#draw();
      }),
    ];
  }

  /** A corner; of a point or words the one that there is. */
  add(place: Place): void {
    const resolution = this.map.getView().getResolution() ?? 1;
    const next = withCorner(this.kind, this.#points, place, resolution * SAME_PX);
    if (next === this.#points) return;
    this.#points = next;
    this.#tell();
    if (this.kind === "point" || this.kind === "text") this.finish();
  }

  /** A corner in the middle of the map, for those who have no pointer. */
  addMiddle(): void {
    const center = this.map.getView().getCenter();
    if (center) this.add(placeOf(center));
  }

  undo(): void {
    this.#points = this.#points.slice(0, -1);
    this.#tell();
  }

  finish(): void {
    if (isWhole(this.kind, this.#points)) this.events.done(this.#points);
  }

  close(): void {
    for (const key of this.#keys) unByKey(key);
    this.map.removeLayer(this.#layer);
    this.#layer.dispose();
  }

  #tell(): void {
    this.#draw();
    this.events.changed(this.#points);
  }

  #draw(): void {
    this.#source.clear(true);
    const ahead = this.#pointer && this.kind !== "point" && this.kind !== "text" ? [this.#pointer] : [];
    const points = this.#points.length > 0 ? [...this.#points, ...ahead] : [];
    const words = this.measuring ? measureWords(this.kind, points) : "";
    this.#source.addFeatures([
      ...drawnFeatures(this.kind, points, words, true),
      ...this.#points.map((place) => new Feature<Geometry>({ geometry: new Point(at(place)), kind: "corner" })),
    ]);
  }
}

/** The figure of what is measured. */
export function measureWords(kind: DraftKind, points: readonly Place[]): string {
  if (kind === "line") return points.length > 1 ? measuredWords(lengthOf(points)) : "";
  if (kind === "area") return points.length > 2 ? areaWords(areaOf(points)) : "";
  return "";
}

export function drawnFeatures(
  kind: DraftKind,
  points: readonly Place[],
  words: string,
  draft = false,
): Feature<Geometry>[] {
  const [first] = points;
  if (!first) return [];
  const coordinates = points.map(at);
  if (kind === "point" || kind === "text")
    return [new Feature<Geometry>({ geometry: new Point(at(first)), kind, words })];
  if (kind === "area" && points.length > 2) {
    return [new Feature<Geometry>({ geometry: new Polygon([[...coordinates, at(first)]]), kind, words, draft })];
  }
  return [new Feature<Geometry>({ geometry: new LineString(coordinates), kind: "line", words, draft })];
}
