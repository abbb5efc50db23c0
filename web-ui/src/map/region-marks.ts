/** The layer of regions: counts and worst state, in place of cameras while the map is far away. */
import Feature, { type FeatureLike } from "ol/Feature";
import { Point } from "ol/geom";
import VectorLayer from "ol/layer/Vector";
import type OlMap from "ol/Map";
import { fromLonLat } from "ol/proj";
import VectorSource from "ol/source/Vector";
import type { Camera } from "../domain/camera";
import { type MarkLevel, type RegionMark, regionMarks } from "../domain/region-marks";
import type { Tree } from "../domain/tree";
import { NAMES } from "./layers";
import { regionStyle } from "./styles";

/** Metres a pixel from which on cameras are shown as their regions. */
export const MARKS_FROM = 27;
const LEVELS: readonly (readonly [MarkLevel, number, number])[] = [
  ["village", MARKS_FROM, 76],
  ["town", 76, 430],
  ["district", 430, Number.POSITIVE_INFINITY],
];

export class RegionMarks {
  #sources = new Map<MarkLevel, VectorSource<Feature<Point>>>();
  #layers: VectorLayer[] = [];
  #codes = new Map<MarkLevel, ReadonlySet<string>>();
  #shown = true;
  #english = false;

  constructor(map: OlMap, zIndex: number) {
    for (const [level, from, to] of LEVELS) {
      const source = new VectorSource<Feature<Point>>();
      this.#sources.set(level, source);
      const layer = new VectorLayer({
        source,
        style: (feature) => regionStyle(markOf(feature), this.#english),
        declutter: NAMES,
        minResolution: from,
        ...(Number.isFinite(to) ? { maxResolution: to } : {}),
        zIndex,
      });
      this.#layers.push(layer);
      map.addLayer(layer);
    }
  }

  /** Whether a mark of this region is shown at this many metres a pixel. */
  marked(code: unknown, resolution: number): boolean {
    const level = LEVELS.find(([, from, to]) => resolution >= from && resolution < to)?.[0];
    return level !== undefined && this.#shown && (this.#codes.get(level)?.has(String(code)) ?? false);
  }

  set(tree: Tree, cameras: readonly Camera[]): void {
    for (const [level, source] of this.#sources) {
      const marks = regionMarks(tree.regions, cameras, level);
      this.#codes.set(level, new Set(marks.map((mark) => mark.code)));
      source.clear(true);
      source.addFeatures(
        marks.map((mark) => new Feature({ geometry: new Point(fromLonLat([mark.place.lon, mark.place.lat])), mark })),
      );
    }
  }

  show(visible: boolean): void {
    this.#shown = visible;
    for (const layer of this.#layers) layer.setVisible(visible);
  }

  setLanguage(english: boolean): void {
    this.#english = english;
    for (const layer of this.#layers) layer.changed();
  }
}

export const markOf = (feature: FeatureLike): RegionMark => feature.get("mark") as RegionMark;
