/** The small map of incidents, as a part of a page. */
import "./incident-map-view.css";
import { useEffect, useRef, useState } from "preact/hooks";
import { district } from "../api/store";
import type { Camera } from "../domain/camera";
import type { Drawing, Incident } from "../domain/command";
import type { Place } from "../domain/region";
import { language, t } from "../i18n/t";
import { IncidentMap, type Mark } from "../map/incident-map";
import { Button } from "./widgets";

const NOWHERE: Place = { lon: 116.08, lat: 24.26 };

export function IncidentMapView(props: {
  incidents: readonly (Pick<Incident, "place" | "grade" | "title"> & { readonly drawings?: readonly Drawing[] })[];
  cameras: readonly Camera[];
  marks: readonly Mark[];
  /** What is drawn; else what the incidents show now. */
  drawings?: readonly Drawing[];
}) {
  const box = useRef<HTMLDivElement>(null);
  const [map, setMap] = useState<IncidentMap | null>(null);
  const led = useRef(false);
  const { incidents, cameras, marks } = props;
  const places = [
    ...incidents.flatMap((one) => one.place ?? []),
    ...cameras.flatMap((one) => one.place ?? []),
    ...marks.map((one) => one.place),
  ];
  useEffect(() => {
    if (!box.current) return;
    const center = places[0] ?? district.value?.place ?? NOWHERE;
    const made = new IncidentMap(box.current, center, language.value === "en");
    setMap(made);
    return () => made.close();
  }, [language.value]);
  useEffect(() => map?.setIncidents(incidents), [map, incidents]);
  useEffect(() => map?.setCameras(cameras), [map, cameras]);
  const drawn = props.drawings;
  useEffect(() => {
    const shown = drawn ?? incidents.flatMap((one) => one.drawings ?? []).filter((one) => !one.erased_at);
    map?.setDrawings(shown);
  }, [map, drawn, incidents]);
  useEffect(() => {
    map?.setMarks(marks);
    if (map && !led.current && places.length > 0) {
      led.current = true;
      map.fit(places);
    }
  }, [map, marks]);
  return (
    <div class="small-map">
      <div class="map-canvas" ref={box} role="img" aria-label={t("replay.map")} />
      <div class="small-map-tools">
        <Button icon="plus" label={t("map.zoomIn")} hideLabel onClick={() => map?.zoomBy(1)} />
        <Button icon="minus" label={t("map.zoomOut")} hideLabel onClick={() => map?.zoomBy(-1)} />
        <Button icon="crosshair" label={t("field.fit")} hideLabel onClick={() => map?.fit(places)} />
      </div>
    </div>
  );
}
