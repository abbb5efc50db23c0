/** Where a camera stands and looks: picked on the map, or typed. */
import { useEffect, useRef } from "preact/hooks";
import { cameras, district } from "../api/store";
import { language, t } from "../i18n/t";
import { Button, Field } from "../ui/widgets";
import { type Editing, NumberField, PickField } from "./field-grid";
import { PickMap } from "./pick-map";

const REFERENCES = [
  ["wgs84", "WGS-84"],
  ["cgcs2000", "CGCS2000"],
  ["gcj02", "GCJ-02"],
] as const;
const round = (degrees: number): number => Math.round(degrees * 1e7) / 1e7;

export function PlaceTab({ editing }: { editing: Editing }) {
  const target = useRef<HTMLDivElement>(null);
  const map = useRef<PickMap | null>(null);
  const newest = useRef(editing);
  newest.current = editing;
  const { draft } = editing;
  const put = (change: { place?: { lon: number; lat: number } | null; heading?: number }) => {
    const { place } = change;
    const next = { ...newest.current.draft, ...change };
    if (place) next.place = { lon: round(place.lon), lat: round(place.lat) };
    newest.current.set(next as typeof draft);
  };
  useEffect(() => {
    if (!target.current) return;
    const from = draft.place ?? district.value?.place ?? { lon: 116.08, lat: 24.26 };
    map.current = new PickMap(target.current, from, put, language.value === "en");
    return () => {
      map.current?.close();
      map.current = null;
    };
  }, [draft.code]);
  useEffect(() => {
    const others = [...cameras.value.values()].filter((camera) => camera.code !== draft.code);
    map.current?.show(
      { place: draft.place, heading: draft.heading, angle: draft.view_angle, distance: draft.view_distance },
      others,
    );
  }, [draft, cameras.value]);
  const key = (event: KeyboardEvent) => {
    const ways: Record<string, readonly [number, number]> = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, 1],
      ArrowDown: [0, -1],
    };
    const way = ways[event.key];
    const now = map.current;
    if (!now) return;
    if (event.key === "Enter") put({ place: now.middle() });
    else if (event.key === "+" || event.key === "=") now.zoomBy(1);
    else if (event.key === "-") now.zoomBy(-1);
    else if (event.key === "[" || event.key === "]") {
      const turn = event.key === "[" ? 359 : 1;
      put({ heading: ((newest.current.draft.heading ?? 0) + turn) % 360 });
    } else if (way && newest.current.draft.place) {
      const step = now.step();
      const by = event.shiftKey ? 20 : 2;
      const { lon, lat } = newest.current.draft.place;
      put({ place: { lon: lon + way[0] * step.lon * by, lat: lat + way[1] * step.lat * by } });
    } else return;
    event.preventDefault();
  };
  const degree = (which: "lon" | "lat", limit: number) => (
    <Field label={t(`rf.${which}`)} error={which === "lon" ? editing.errors.place : undefined}>
      <input
        type="number"
        name={which}
        step={0.000001}
        min={-limit}
        max={limit}
        value={draft.place ? round(draft.place[which]) : ""}
        onChange={(event) => {
          const value = event.currentTarget.valueAsNumber;
          if (!Number.isFinite(value)) return put({ place: null });
          const place = { lon: 0, lat: 0, ...draft.place, [which]: value };
          put({ place });
          map.current?.go(place);
        }}
      />
    </Field>
  );
  return (
    <div class="reg-place">
      <div class="reg-map-box">
        {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- an application has its own keys */}
        <div class="reg-map" ref={target} tabIndex={0} role="application" aria-label={t("reg.map")} onKeyDown={key} />
        <div class="reg-map-tools">
          <Button icon="plus" label={t("map.zoomIn")} hideLabel onClick={() => map.current?.zoomBy(1)} />
          <Button icon="minus" label={t("map.zoomOut")} hideLabel onClick={() => map.current?.zoomBy(-1)} />
        </div>
      </div>
      <p class="dim small">
        {draft.place ? "" : `${t("reg.noPlace")}. `}
        {t("reg.mapHint")} {t("reg.wgs")}
      </p>
      <div class="form-grid">
        {degree("lon", 180)}
        {degree("lat", 90)}
        <PickField editing={editing} path="asset.reference" options={REFERENCES} />
        <Field label={`${t("rf.heading")} ${draft.heading ?? "—"}`} error={editing.errors.heading}>
          <input
            type="range"
            name="heading"
            min={0}
            max={359}
            value={draft.heading ?? 0}
            onInput={(event) => put({ heading: event.currentTarget.valueAsNumber })}
          />
        </Field>
        <NumberField editing={editing} path="view_angle" min={1} max={360} />
        <NumberField editing={editing} path="view_distance" min={1} max={100_000} />
        <NumberField editing={editing} path="asset.height_m" min={0} max={500} step={0.1} />
        {draft.place && (
          <div class="full actions start">
            <Button icon="eraser" label={t("reg.clearPlace")} onClick={() => put({ place: null })} />
          </div>
        )}
      </div>
    </div>
  );
}
