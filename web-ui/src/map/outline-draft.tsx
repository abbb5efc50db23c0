/** Drawing a region's outline on the map, and keeping it. */
import { useEffect, useRef, useState } from "preact/hooks";
import { tree } from "../api/store";
import type { RegionCode } from "../domain/ids";
import { areaOf, isWhole } from "../domain/measure";
import type { Place } from "../domain/region";
import { t } from "../i18n/t";
import { areaWords, regionName } from "../i18n/words";
import { Button, problemWords } from "../ui/widgets";
import type { Drafting } from "./drafting";
import type { MapView } from "./map-view";
import { OutlineTold } from "./outline-dialog";
import { mapApi, type OutlinePut } from "./sources";

export function OutlineDraft(props: { map: MapView; region: RegionCode; onClose: () => void; onDone: () => void }) {
  const { map, region, onClose } = props;
  const [points, setPoints] = useState<readonly Place[]>([]);
  const [round, setRound] = useState(0);
  const [error, setError] = useState("");
  const [told, setTold] = useState<OutlinePut | null>(null);
  const [busy, setBusy] = useState(false);
  const drafting = useRef<Drafting | null>(null);
  // Two presses of Escape may come before the panel is drawn again.
  const begun = useRef(false);
  useEffect(() => {
    setPoints([]);
    begun.current = false;
    const changed = (so: readonly Place[]) => {
      begun.current = so.length > 0;
      setPoints(so);
    };
    drafting.current = map.draft("area", true, { changed, done: setPoints });
    return () => map.endDraft();
  }, [map, round]);
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      if (document.querySelector("dialog[open]")) return;
      const target = event.target as HTMLElement | null;
      const onMap = target?.matches(".map-canvas") ?? false;
      if (event.key === "Escape") {
        if (begun.current) setRound((n) => n + 1);
        else onClose();
        begun.current = false;
      } else if (target?.matches("input, textarea, select")) return;
      else if (event.key === "Backspace") drafting.current?.undo();
      else if (event.key === "Enter" && onMap) drafting.current?.addMiddle();
      else return;
      event.preventDefault();
      event.stopPropagation();
    };
    addEventListener("keydown", key, true);
    return () => removeEventListener("keydown", key, true);
  }, [onClose]);
  const save = async () => {
    const ring = [...points, ...points.slice(0, 1)].map((place) => [place.lon, place.lat]);
    const file = new Blob([JSON.stringify({ type: "Polygon", coordinates: [ring] })], { type: "application/geo+json" });
    setBusy(true);
    const result = await mapApi.putOutline(region, file, "wgs84");
    setBusy(false);
    if (!result.ok) return setError(problemWords(result.problem));
    setError("");
    setTold(result.value);
    setRound((n) => n + 1);
    props.onDone();
  };
  const here = tree.value.regions.get(region);
  const title = t("map.outline.of", { name: here ? regionName(here) : region });
  return (
    <aside class="map-panel scroll" aria-label={title}>
      <header>
        <h2 class="grow">{title}</h2>
        <Button icon="x" label={t("app.close")} hideLabel onClick={onClose} />
      </header>
      <p class="dim">{t("map.draft.many")}</p>
      <p class="figure" role="status">
        {points.length > 2 ? areaWords(areaOf(points)) : "—"}
      </p>
      {error && <p class="notice bad">{error}</p>}
      {told && <OutlineTold told={told} />}
      <div class="actions start">
        <Button
          icon="undo"
          label={t("map.draft.undo")}
          disabled={points.length === 0}
          onClick={() => drafting.current?.undo()}
        />
        <Button icon="crosshair" label={t("map.draft.middle")} onClick={() => drafting.current?.addMiddle()} />
        <Button
          icon="check"
          tone="accent"
          label={t("app.save")}
          disabled={busy || !isWhole("area", points)}
          onClick={() => void save()}
        />
      </div>
    </aside>
  );
}
