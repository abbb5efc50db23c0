/** One camera of a playback: its picture, or in words why there is none. */
import { useEffect, useRef } from "preact/hooks";
import { cameras } from "../api/store";
import type { CameraCode } from "../domain/ids";
import type { Recordings } from "../domain/recording";
import { t, tCode } from "../i18n/t";
import { clock, dayClock } from "../i18n/words";
import { Icon } from "../ui/icon";
import { Button } from "../ui/widgets";
import type { PaneView } from "./playback";
import { lookUp } from "./timeline-math";

export function Pane({
  code,
  pane,
  left,
  recordings,
  cursor,
  onGo,
  onHear,
  onRemove,
}: {
  code: CameraCode;
  /** None before the playback is there. */
  pane: PaneView | null;
  /** One too many for the way that recordings are played by. */
  left: boolean;
  recordings: Recordings | null;
  cursor: number | null;
  onGo: (time: number) => void;
  /** Lets it be heard, or no more. */
  onHear: () => void;
  onRemove: (() => void) | null;
}) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (pane) box.current?.append(pane.element);
  }, [pane]);
  const camera = cameras.value.get(code);
  const state = pane?.state.value ?? "empty";
  const wall = pane?.wall.value ?? null;
  const sound = pane?.sound.value ?? "off";
  const at = cursor === null ? null : lookUp(recordings, cursor);
  const gap = at?.kind === "gap" ? at : null;
  const none = recordings !== null && recordings.spans.length === 0;
  return (
    <div class="pane" data-state={state}>
      <div class="picture" ref={box}>
        {left && (
          <div class="words" role="status">
            <strong>{t("playback.tooMany")}</strong>
          </div>
        )}
        {(state === "loading" || state === "empty") && !none && !left && (
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
        {state === "forbidden" && (
          <div class="words" role="status">
            <Icon name="videoOff" size={1.5} />
            <strong>{t("playback.forbidden")}</strong>
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
        {pane?.sub.value && <span class="dim">{t("playback.sub")}</span>}
        {pane?.thinned.value && <span class="dim">{t("playback.thinned")}</span>}
        <span class="time">{wall === null ? "—" : clock(wall)}</span>
        {pane && (
          <Button
            icon={sound === "off" ? "volumeOff" : "volume"}
            label={t("playback.sound")}
            title={sound === "off" ? t("playback.soundKey") : t(`tile.sound.${sound}`)}
            hideLabel
            aria-pressed={sound !== "off"}
            data-sound={sound}
            onClick={onHear}
          />
        )}
        {(sound === "none" || sound === "unplayable") && (
          <span class="dim" role="status">
            {t(`tile.sound.${sound}`)}
          </span>
        )}
        {onRemove && <Button icon="x" label={t("tile.remove")} hideLabel onClick={onRemove} />}
      </div>
    </div>
  );
}
