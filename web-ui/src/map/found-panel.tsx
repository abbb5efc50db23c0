/** Cameras that were found for a place. */
import { user } from "../api/store";
import type { CameraCode } from "../domain/ids";
import type { Found } from "../domain/select";
import { t } from "../i18n/t";
import { distanceWords } from "../i18n/words";
import { StateMark } from "../ui/marks";
import { navigate } from "../ui/router";
import { Button, Empty } from "../ui/widgets";
import { sending } from "../wall/sending";
import { formatWall, LAYOUTS } from "../wall/url";

/** The cameras for a place: those that look at it first, then the nearest. */
export function FoundPanel({
  found,
  onCamera,
  onClose,
}: {
  found: readonly Found[];
  onCamera: (code: CameraCode) => void;
  onClose: () => void;
}) {
  const codes = found.map((one) => one.camera.code);
  const layout = LAYOUTS.find((n) => n >= codes.length) ?? 25;
  return (
    <aside class="camera-panel scroll" aria-label={t("map.found", { n: found.length })}>
      <header>
        <h2 class="grow">{t("map.found", { n: found.length })}</h2>
        <Button icon="x" label={t("app.close")} hideLabel onClick={onClose} />
      </header>
      {found.length === 0 && <Empty icon="cctv" title={t("map.foundNone")} hint={t("map.foundNoneHint")} />}
      {found.length > 0 && (
        <div class="actions start">
          <Button
            icon="layoutGrid"
            tone="accent"
            label={t("map.allToWall")}
            onClick={() => navigate(formatWall({ layout, slots: codes, focus: null }))}
          />
          {(user.value?.role === "administrator" || user.value?.role === "operator") && (
            <Button
              icon="send"
              label={t("send.button")}
              onClick={() => {
                sending.value = codes;
              }}
            />
          )}
          <Button
            icon="history"
            label={t("map.playback")}
            onClick={() => navigate(`/playback?c=${codes.slice(0, 9).join()}`)}
          />
        </div>
      )}
      <ol class="own-events found">
        {found.map(({ camera, metres, covers }) => (
          <li key={camera.code}>
            <button type="button" onClick={() => onCamera(camera.code)}>
              <StateMark state={camera.state} />
              <span class="grow clip">{camera.name}</span>
              {covers && <span class="mark">{t("map.covers")}</span>}
              <span class="dim">{distanceWords(metres)}</span>
            </button>
          </li>
        ))}
      </ol>
    </aside>
  );
}
