/** A tour of a screen: whose cameras, and how long a page stands. */
import { useState } from "preact/hooks";
import { cameras, regions, tree } from "../api/store";
import type { CameraCode } from "../domain/ids";
import { inOrder } from "../domain/tree";
import { t } from "../i18n/t";
import { regionName } from "../i18n/words";
import { Button, Dialog, Field } from "../ui/widgets";
import { DWELL, type Face, inStep, type Screen, type SharedWall } from "./shared";

/** Cameras of one tour; the gateway takes no more. */
const MOST = 400;
const HERE = "here";

export function TourDialog({
  wall,
  screen,
  onClose,
  onTour,
}: {
  wall: SharedWall;
  screen: Screen;
  onClose: () => void;
  /** `all`: on all screens of the wall, each going on where the one before ends. */
  onTour: (tour: Face["tour"], all: boolean) => void;
}) {
  const together = inStep(wall, screen).length > 1;
  const [everywhere, setEverywhere] = useState(together);
  const [of, setOf] = useState(screen.tour ? HERE : (regions.value[0]?.code ?? HERE));
  const [dwell, setDwell] = useState(screen.tour?.dwell_s ?? 15);
  const [online, setOnline] = useState(true);
  const turning = together && everywhere ? inStep(wall, screen) : [screen];
  const standing = [
    ...new Set(turning.flatMap((one) => one.tour?.cameras ?? one.cells.flatMap((cell) => (cell ? [cell.camera] : [])))),
  ];
  const all = of === HERE ? standing : inOrder(tree.value).filter((code) => within(code, of));
  const usable = all.filter((code) => !online || cameras.value.get(code)?.state !== "offline").slice(0, MOST);
  const sizeOf = (one: Screen) => one.layout - (one.alarm === null ? 0 : 1);
  const over = everywhere ? wall.screens.filter((one) => sizeOf(one) > 0) : [screen];
  const size = over.reduce((sum, one) => sum + sizeOf(one), 0);
  const pages = Math.ceil(usable.length / Math.max(1, size));
  const fits = Number.isInteger(dwell) && dwell >= DWELL.least && dwell <= DWELL.most;
  const wrong = size < 1 ? t("walls.tourNoTile") : usable.length === 0 ? t("walls.tourNone") : undefined;
  const submit = (event: Event) => {
    event.preventDefault();
    if (fits && !wrong) onTour({ cameras: usable, dwell_s: dwell, held: false }, everywhere);
  };
  return (
    <Dialog title={t("wall.tour")} onClose={onClose}>
      <form class="dialog-body" onSubmit={submit}>
        <Field label={t("walls.tourOf")} error={wrong}>
          <select value={of} onChange={(event) => setOf(event.currentTarget.value)}>
            <option value={HERE}>{t(screen.tour ? "walls.tourAsIs" : "walls.tourHere")}</option>
            {regions.value.map((region) => (
              <option key={region.code} value={region.code}>
                {regionName(region)}
              </option>
            ))}
          </select>
        </Field>
        <Field
          label={t("wall.tourDwell")}
          error={fits ? undefined : t("walls.dwellRange", { least: DWELL.least, most: DWELL.most })}
        >
          <input
            type="number"
            min={DWELL.least}
            max={DWELL.most}
            value={dwell}
            onInput={(event) => setDwell(event.currentTarget.valueAsNumber)}
          />
        </Field>
        <label class="check">
          <input type="checkbox" checked={online} onChange={(event) => setOnline(event.currentTarget.checked)} />
          <span>{t("walls.tourOnline")}</span>
        </label>
        {wall.screens.length > 1 && (
          <label class="check">
            <input
              type="checkbox"
              checked={everywhere}
              onChange={(event) => setEverywhere(event.currentTarget.checked)}
            />
            <span>{t("walls.tourAll", { n: wall.screens.length })}</span>
          </label>
        )}
        <p class="dim small" role="status">
          {t("walls.tourSum", { n: usable.length, pages, s: pages * (fits ? dwell : 0) })}
        </p>
        <p class="dim small">{t("walls.tourStops")}</p>
        <div class="actions">
          {screen.tour && <Button icon="x" label={t("wall.tourStop")} onClick={() => onTour(null, together)} />}
          <Button label={t("app.cancel")} onClick={onClose} />
          <Button
            type="submit"
            tone="accent"
            icon="play"
            label={t("walls.tourStart")}
            disabled={!fits || wrong !== undefined}
          />
        </div>
      </form>
    </Dialog>
  );
}

const within = (code: CameraCode, region: string): boolean =>
  cameras.value.get(code)?.region.startsWith(region) ?? false;
