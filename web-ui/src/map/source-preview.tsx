/** What a source looks like around the middle of the district, under the sketch's border: whether it lies where it should is seen at once. */
import "ol/ol.css";
import { defaults as controls } from "ol/control/defaults";
import GeoJSON from "ol/format/GeoJSON";
import VectorLayer from "ol/layer/Vector";
import OlMap from "ol/Map";
import { fromLonLat } from "ol/proj";
import VectorSource from "ol/source/Vector";
import View from "ol/View";
import { useEffect, useRef, useState } from "preact/hooks";
import { SKETCH_URL } from "../api/client";
import type { Place } from "../domain/region";
import { language, t, tCode } from "../i18n/t";
import { Ground, type GroundState } from "./ground";
import { sketchStyle } from "./layers";
import type { MapSource } from "./sources";
import { borderStyle } from "./styles";

export function SourcePreview({ source, center }: { source: MapSource | null; center: Place }) {
  const box = useRef<HTMLDivElement>(null);
  const ground = useRef<Ground | null>(null);
  const [state, setState] = useState<GroundState | null>(null);
  useEffect(() => {
    if (!box.current) return;
    const sketch = new VectorSource();
    const map = new OlMap({
      target: box.current,
      layers: [
        new VectorLayer({
          source: sketch,
          style: (feature, r) => sketchStyle(feature, language.value === "en", r),
          zIndex: -30,
          declutter: true,
        }),
        new VectorLayer({ source: sketch, style: borderStyle }),
      ],
      view: new View({ center: fromLonLat([center.lon, center.lat]), zoom: 11, minZoom: 7, maxZoom: 19 }),
      controls: controls({
        rotate: false,
        attribution: false,
        zoomOptions: { zoomInTipLabel: t("map.zoomIn"), zoomOutTipLabel: t("map.zoomOut") },
      }),
    });
    const abort = new AbortController();
    void fetch(SKETCH_URL, { signal: abort.signal })
      .then((answer) => (answer.ok ? answer.json() : null))
      .then((json) => json && sketch.addFeatures(new GeoJSON().readFeatures(json, { featureProjection: "EPSG:3857" })))
      .catch(() => undefined);
    ground.current = new Ground(map, setState);
    return () => {
      abort.abort();
      ground.current?.close();
      map.setTarget(undefined);
      map.dispose();
    };
  }, []);
  useEffect(() => ground.current?.show(source ? [source] : [], false), [source]);
  const words =
    source && state && (state.failed > 0 || state.loaded > 0)
      ? state.failed > 0
        ? (tCode("map.fault", state.fault?.code ?? "broken-off") ?? state.fault?.text ?? "")
        : t("map.source.previewed", { n: state.loaded })
      : "";
  return (
    <div class="source-preview">
      <div class="map-canvas" ref={box} role="application" tabIndex={0} aria-label={t("map.source.preview")} />
      {words && <p role="status">{words}</p>}
    </div>
  );
}
