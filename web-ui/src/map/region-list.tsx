/** Regions to drill into, with their counts; and for those who keep the register, their outlines. */
import { useState } from "preact/hooks";
import { tree, user } from "../api/store";
import type { CameraCode, RegionCode } from "../domain/ids";
import { t } from "../i18n/t";
import { regionName } from "../i18n/words";
import { StateMark } from "../ui/marks";
import { Button, Dialog, toast, toastProblem } from "../ui/widgets";
import { OutlineDialog } from "./outline-dialog";
import { mapApi } from "./sources";

export function RegionList({
  region,
  outlined,
  onRegion,
  onCamera,
  onDraw,
  onOutlines,
}: {
  region: RegionCode | null;
  onRegion: (to: RegionCode | null) => void;
  onCamera: (code: CameraCode) => void;
  /** Regions that have an outline. */
  outlined: ReadonlySet<string>;
  /** Draws this region's outline on the map. */
  onDraw: (region: RegionCode) => void;
  /** Outlines have changed. */
  onOutlines: () => void;
}) {
  const [dialog, setDialog] = useState<"import" | "remove" | null>(null);
  const all = tree.value;
  const here = region ? all.regions.get(region) : undefined;
  const inside = here
    ? (all.children.get(here.code) ?? [])
    : all.roots.flatMap((root) => all.children.get(root) ?? [root]);
  const held = here ? (all.cameras.get(here.code) ?? []) : [];
  return (
    <aside class="regions" aria-label={t("map.regions")}>
      <h2>{here ? regionName(here) : t("map.regions")}</h2>
      {here && (
        <Button
          icon="chevronRight"
          class="up"
          label={t("map.up")}
          onClick={() => {
            const up = here.parent ? all.regions.get(here.parent) : undefined;
            onRegion(up && !all.roots.includes(up.code) ? up.code : null);
          }}
        />
      )}
      {here && user.value?.role === "administrator" && (
        <div class="outline-tools" role="group" aria-label={t("map.outline")}>
          <span class="dim">{t("map.outline")}</span>
          <Button icon="upload" label={t("map.outline.import")} hideLabel onClick={() => setDialog("import")} />
          <Button icon="pencil" label={t("map.outline.draw")} hideLabel onClick={() => onDraw(here.code)} />
          {outlined.has(here.code) && (
            <Button icon="trash" label={t("map.outline.remove")} hideLabel onClick={() => setDialog("remove")} />
          )}
        </div>
      )}
      {here && dialog === "import" && (
        <OutlineDialog region={here} onClose={() => setDialog(null)} onDone={onOutlines} />
      )}
      {here && dialog === "remove" && (
        <Dialog title={t("map.outline.remove")} onClose={() => setDialog(null)}>
          <div class="dialog-body">
            <p>{t("map.outline.removeAsk", { name: regionName(here) })}</p>
            <div class="actions">
              <Button label={t("app.cancel")} onClick={() => setDialog(null)} />
              <Button
                tone="danger"
                icon="trash"
                label={t("map.outline.remove")}
                onClick={async () => {
                  const result = await mapApi.removeOutline(here.code);
                  setDialog(null);
                  if (!result.ok) return toastProblem(result.problem);
                  toast(t("map.outline.removed"));
                  onOutlines();
                }}
              />
            </div>
          </div>
        </Dialog>
      )}
      <ul class="scroll">
        {inside.map((code) => {
          const one = all.regions.get(code);
          const counts = all.counts.get(code);
          if (!one || !counts) return null;
          return (
            <li key={code}>
              <button
                type="button"
                onClick={() => onRegion(code)}
                title={t("map.offlineOf", { offline: counts.offline, total: counts.total })}
              >
                <span class="clip grow">{regionName(one)}</span>
                {counts.offline > 0 && (
                  <span class="off">
                    <StateMark state="offline" /> {counts.offline}
                  </span>
                )}
                <b>{counts.total}</b>
              </button>
            </li>
          );
        })}
        {held.map((camera) => (
          <li key={camera.code}>
            <button type="button" onClick={() => onCamera(camera.code)}>
              <StateMark state={camera.state} />
              <span class="clip grow">{camera.name}</span>
            </button>
          </li>
        ))}
      </ul>
    </aside>
  );
}
