/** The row of buttons under the pictures. */
import { t, tCode } from "../i18n/t";
import { clock, day } from "../i18n/words";
import { Button } from "../ui/widgets";

export const SPEEDS = [0.25, 0.5, 1, 2, 4, 8, 16] as const;
/** Backwards key frames are shown, one by one. */
export const BACKWARDS = [-1, -2, -4, -8, -16] as const;

export function Transport({
  playing,
  speed,
  reverses,
  way,
  cursor,
  gap,
  full,
  onPlaying,
  onSpeed,
  onFrame,
  onDate,
  onAdd,
  onShare,
}: {
  playing: boolean;
  speed: number;
  /** It can go backwards. */
  reverses: boolean;
  /** What plays it, for those who look closely. */
  way: "wire" | "files" | null;
  /** What is shown, UTC ms. */
  cursor: number | null;
  /** Why there is no picture of this moment: the reason's code. */
  gap: string | null;
  /** No more cameras go beside these. */
  full: boolean;
  onPlaying: (on: boolean) => void;
  onSpeed: (speed: number) => void;
  onFrame: (direction: 1 | -1) => void;
  onDate: (time: number) => void;
  onAdd: () => void;
  onShare: () => void;
}) {
  return (
    <div class="transport" data-way={way ?? undefined}>
      <Button icon="skipBack" label={t("playback.frameBack")} hideLabel onClick={() => onFrame(-1)} />
      <Button
        icon={playing ? "pause" : "play"}
        label={playing ? t("playback.pause") : t("playback.play")}
        hideLabel
        tone="accent"
        onClick={() => onPlaying(!playing)}
      />
      <Button icon="skipForward" label={t("playback.frameOn")} hideLabel onClick={() => onFrame(1)} />
      <select
        class="speed"
        aria-label={t("playback.speed")}
        value={String(speed)}
        onChange={(event) => onSpeed(Number(event.currentTarget.value))}
      >
        {SPEEDS.map((one) => (
          <option key={one} value={String(one)}>
            {one}×
          </option>
        ))}
        {reverses &&
          BACKWARDS.map((one) => (
            <option key={one} value={String(one)}>
              {t("playback.backwards", { speed: -one })}
            </option>
          ))}
      </select>
      <strong
        class="recorded-at"
        title={t("playback.wallClock")}
        data-at={cursor === null ? undefined : Math.round(cursor)}
      >
        {cursor === null ? "—" : `${day(cursor)} ${clock(cursor)}`}
      </strong>
      <span class="dim clip grow" role="status">
        {gap !== null && t("playback.gapReason", { reason: tCode("reason", gap) ?? "" })}
      </span>
      <input
        class="date"
        type="datetime-local"
        step={1}
        aria-label={t("playback.date")}
        value={cursor === null ? "" : localInput(cursor)}
        onChange={(event) => {
          const time = new Date(event.currentTarget.value).getTime();
          if (Number.isFinite(time)) onDate(time);
        }}
      />
      {!full && <Button icon="cctv" label={t("playback.addCamera")} onClick={onAdd} />}
      <Button icon="link" label={t("playback.share")} hideLabel onClick={onShare} />
    </div>
  );
}

function localInput(ms: number): string {
  const zone = new Date(ms).getTimezoneOffset() * 60_000;
  return new Date(ms - zone).toISOString().slice(0, 19);
}
