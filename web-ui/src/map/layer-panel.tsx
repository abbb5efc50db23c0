/** What the map shows: its ground, its layers, whose cameras and which. */
import { useEffect, useMemo } from "preact/hooks";
import { cameras, user } from "../api/store";
import type { Camera } from "../domain/camera";
import { language, t, tCode } from "../i18n/t";
import { Button, Field } from "../ui/widgets";
import { LAYERS, type LayerName, type MapSettings } from "./settings";
import type { MapSource } from "./sources";

export interface CameraFilter {
  readonly department: string;
  readonly form: string;
  readonly site: string;
}
export const ALL_CAMERAS: CameraFilter = { department: "", form: "", site: "" };
/** What a camera's file does not say. */
const NONE = "-";

const departmentOf = (camera: Camera): string => camera.asset?.department?.trim() || NONE;
const formOf = (camera: Camera): string => camera.form || NONE;
const siteOf = (camera: Camera): string => camera.site_class || NONE;

export const passes = (camera: Camera, filter: CameraFilter): boolean =>
  (!filter.department || departmentOf(camera) === filter.department) &&
  (!filter.form || formOf(camera) === filter.form) &&
  (!filter.site || siteOf(camera) === filter.site);

export const sourceName = (source: MapSource): string =>
  (language.value === "en" && source.name_en) || source.name || source.id;

export function LayerPanel(props: {
  settings: MapSettings;
  ground: string;
  sources: readonly MapSource[];
  filter: CameraFilter;
  onSettings: (settings: MapSettings) => void;
  onFilter: (filter: CameraFilter) => void;
  onSources: () => void;
  onClose: () => void;
}) {
  const { settings, filter } = props;
  const grounds: readonly (readonly [string, string])[] = [
    ["sketch", t("map.sketch")],
    ...props.sources.filter((source) => source.base).map((source) => [source.id, sourceName(source)] as const),
  ];
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      // A dialog over it closes first.
      if (event.key === "Escape" && !document.querySelector("dialog[open]")) props.onClose();
    };
    addEventListener("keydown", key);
    return () => removeEventListener("keydown", key);
  }, [props.onClose]);
  const toggle = (layer: LayerName) => {
    const hidden = settings.hidden.includes(layer)
      ? settings.hidden.filter((one) => one !== layer)
      : [...settings.hidden, layer];
    props.onSettings({ ...settings, hidden });
  };
  return (
    <aside class="map-panel scroll" aria-label={t("map.layers")}>
      <header>
        <h2 class="grow">{t("map.layers")}</h2>
        <Button icon="x" label={t("app.close")} hideLabel onClick={props.onClose} />
      </header>
      <fieldset>
        <legend>{t("map.ground")}</legend>
        {grounds.map(([id, words]) => (
          <label key={id}>
            <input
              type="radio"
              name="ground"
              checked={props.ground === id}
              onChange={() => props.onSettings({ ...settings, ground: id })}
            />
            <span class="grow">{words}</span>
          </label>
        ))}
        {props.sources.length > 0 && (
          <label>
            <input
              type="checkbox"
              checked={settings.dim}
              onChange={() => props.onSettings({ ...settings, dim: !settings.dim })}
            />
            <span>{t("map.dim")}</span>
          </label>
        )}
        {user.value?.role === "administrator" && (
          <Button icon="settings" label={t("map.sources")} onClick={props.onSources} />
        )}
      </fieldset>
      <fieldset>
        <legend>{t("map.layers")}</legend>
        {LAYERS.map((layer) => (
          <label key={layer}>
            <input type="checkbox" checked={!settings.hidden.includes(layer)} onChange={() => toggle(layer)} />
            <span>{t(`map.layer.${layer}`)}</span>
          </label>
        ))}
      </fieldset>
      <fieldset>
        <legend>{t("map.which")}</legend>
        <Filter
          label={t("rf.asset.department")}
          of={departmentOf}
          words={(value) => value}
          value={filter.department}
          onPick={(department) => props.onFilter({ ...filter, department })}
        />
        <Filter
          label={t("rf.form")}
          of={formOf}
          words={(value) => tCode("form", value) ?? value}
          value={filter.form}
          onPick={(form) => props.onFilter({ ...filter, form })}
        />
        <Filter
          label={t("rf.site_class")}
          of={siteOf}
          words={(value) => tCode("siteClass", value) ?? value}
          value={filter.site}
          onPick={(site) => props.onFilter({ ...filter, site })}
        />
        {filter !== ALL_CAMERAS && Object.values(filter).some(Boolean) && (
          <Button label={t("map.allCameras")} onClick={() => props.onFilter(ALL_CAMERAS)} />
        )}
      </fieldset>
    </aside>
  );
}

/** One property of cameras, with how many have each of its values. */
function Filter(props: {
  label: string;
  of: (camera: Camera) => string;
  words: (value: string) => string;
  value: string;
  onPick: (value: string) => void;
}) {
  const counts = useMemo(() => {
    const found = new Map<string, number>();
    for (const camera of cameras.value.values()) {
      const value = props.of(camera);
      found.set(value, (found.get(value) ?? 0) + 1);
    }
    return [...found].sort(([a], [b]) => (a === NONE ? 1 : b === NONE ? -1 : a.localeCompare(b, "zh")));
  }, [cameras.value]);
  return (
    <Field label={props.label}>
      <select value={props.value} onChange={(event) => props.onPick(event.currentTarget.value)}>
        <option value="">{t("map.any")}</option>
        {counts.map(([value, n]) => (
          <option key={value} value={value}>
            {value === NONE ? t("map.unsaid") : props.words(value)} ({n})
          </option>
        ))}
      </select>
    </Field>
  );
}
