/** One camera of a playback: its picture, or in words why there is none. */
import { useEffect, useRef } from "preact/hooks";
import { cameras } from "../api/store";
import type { CameraCode } from "../domain/ids";
import type { Recordings } from "../domain/types";
import { t, tCode } from "../i18n/t";
import { clock, dayClock } from "../i18n/words";
import { Icon } from "../ui/icon";
import { Button } from "../ui/widgets";
import { lookUp } from "./timeline-math";
import type { WindowPlayer } from "./window-player";

export function Pane({
  code,
  player,
  recordings,
  cursor,
  onGo,
  onRemove,
}: {
  code: CameraCode;
  player: WindowPlayer;
  recordings: Recordings | null;
  cursor: number | null;
  onGo: (time: number) => void;
  onRemove: (() => void) | null;
}) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    box.current?.append(player.element);
  }, [player]);
  const camera = cameras.value.get(code);
  const state = player.state.value;
  const at = cursor === null ? null : lookUp(recordings, cursor);
  const gap = at?.kind === "gap" ? at : null;
  const none = recordings !== null && recordings.spans.length === 0;
  return (
    <div class="pane">
      <div class="picture" ref={box}>
        {(state === "loading" || state === "empty") && !none && (
          <div class="words" role="status">
            <span class="spinner" />
            <strong>{t("playback.loading")}</strong>
          </div>
        )}
        {(state === "nothing" || none) && (
          <div class="words gap" role="status">
            <Icon name="history" size={1.5} />
            <strong>{none ? t("playback.none") : t("playback.noRecording")}</strong>
            {gap && <span>{t("playback.gapReason", { reason: tCode("reason", gap.code ?? "unknown") ?? "" })}</span>}
            {gap?.next && (
              <>
                <span>{t("playback.nextFrom", { time: dayClock(gap.next) })}</span>
                <Button label={t("playback.goNext")} onClick={() => gap.next && onGo(gap.next)} />
              </>
            )}
          </div>
        )}
        {state === "cannot-play" && (
          <div class="words" role="status">
            <Icon name="videoOff" size={1.5} />
            <strong>{t("playback.cannotPlay")}</strong>
          </div>
        )}
      </div>
      <div class="caption">
        <span class="clip grow">{camera?.name ?? code}</span>
        <span class="time">{player.wall.value === null ? "—" : clock(player.wall.value)}</span>
        {onRemove && <Button icon="x" label={t("tile.remove")} hideLabel onClick={onRemove} />}
      </div>
    </div>
  );
}
