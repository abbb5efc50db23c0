/** The tile that is kept for alarms: the camera of the one that matters most, live, until somebody has acknowledged it. */
import { useEffect, useState } from "preact/hooks";
import { events, serverNow } from "../api/store";
import type { CameraCode } from "../domain/ids";
import { t } from "../i18n/t";
import { eventWords, shortTime } from "../i18n/words";
import { Icon } from "../ui/icon";
import { GradeMark } from "../ui/marks";
import { nextAlarm, type Standing } from "./alarm";
import { openedEvent } from "./alarm-strip";
import { LiveTile } from "./live-tile";

const LOOK_MS = 1000;

export function AlarmTile({ shown, n }: { shown: ReadonlySet<CameraCode>; n: number }) {
  const [standing, setStanding] = useState<Standing | null>(null);
  const [tick, setTick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setTick((old) => old + 1), LOOK_MS);
    return () => clearInterval(timer);
  }, []);
  useEffect(() => {
    setStanding((old) => {
      const next = nextAlarm(events.value, shown, old, serverNow());
      return next?.event === old?.event && next?.since === old?.since ? old : next;
    });
  }, [events.value, shown, tick]);
  const event = standing?.event;
  if (!event?.camera) {
    return (
      <div class="tile vacant kept" role="group" aria-label={t("wall.alarmTileLabel", { n })}>
        <div class="vacancy">
          <Icon name="bell" size={1.5} />
          <strong>{t("wall.alarmTile")}</strong>
          <span>{t("wall.alarmTileHint")}</span>
        </div>
      </div>
    );
  }
  return (
    <div class="tile kept alarmed" role="group" aria-label={t("wall.alarmTileLabel", { n })} data-alarm={event.id}>
      <button
        type="button"
        class={`alarm-bar grade-${event.grade}`}
        onClick={() => {
          openedEvent.value = event;
        }}
      >
        <GradeMark grade={event.grade} />
        <strong>{eventWords(event.kind)}</strong>
        {event.count > 1 && <small>{t("events.times", { n: event.count })}</small>}
        <span class="grow" />
        <span>{shortTime(event.last ?? event.start)}</span>
      </button>
      <LiveTile key={event.camera} code={event.camera} priority="incident" />
    </div>
  );
}
