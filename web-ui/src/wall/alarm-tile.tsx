/**
 * The tile that is kept for alarms: the camera of the one that matters most, live, until somebody has acknowledged it. It never
 * takes the focus: it is looked through and acknowledged by keys of its own, wherever the focus is.
 */
import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { api } from "../api/client";
import { events, serverNow, user } from "../api/store";
import type { CameraCode } from "../domain/ids";
import { t } from "../i18n/t";
import { eventWords, shortTime } from "../i18n/words";
import { Icon } from "../ui/icon";
import { GradeMark } from "../ui/marks";
import { Button, toastProblem } from "../ui/widgets";
import { fold, nextAlarm, placeOf, type Queue, step } from "./alarm";
import { openedEvent } from "./alarm-strip";
import { LiveTile } from "./live-tile";

const LOOK_MS = 1000;
const NONE: Queue = { entries: [], standing: null };

/** What waits and what stands, as the tile that is shown has it. */
export const alarmQueue = signal<Queue>(NONE);

/** The next alarm, or the one before, chosen by hand. */
export function stepAlarm(by: 1 | -1): void {
  alarmQueue.value = { ...alarmQueue.value, standing: step(alarmQueue.value, by, serverNow()) };
}

/** Takes note of all that stands in the tile: a camera's repeated alarms go together. */
export async function acknowledgeAlarm(): Promise<void> {
  const { entries, standing } = alarmQueue.value;
  const entry = entries.find((one) => one.camera === standing?.camera);
  if (!entry) return;
  const answers = await Promise.all(entry.ids.map((id) => api.acknowledge(id, "")));
  const failed = answers.find((answer) => !answer.ok);
  if (failed && !failed.ok) toastProblem(failed.problem);
}

/** `region`: of a shared wall, whose alarms alone are its. */
export function AlarmTile({
  shown,
  n,
  region = "",
  place,
}: {
  shown: ReadonlySet<CameraCode>;
  n: number;
  region?: string;
  place?: Record<string, string>;
}) {
  const [tick, setTick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setTick((old) => old + 1), LOOK_MS);
    return () => {
      clearInterval(timer);
      alarmQueue.value = NONE;
    };
  }, []);
  useEffect(() => {
    const mine = region ? events.value.filter((one) => one.region?.startsWith(region)) : events.value;
    const entries = fold(mine, shown, serverNow());
    const old = alarmQueue.value;
    alarmQueue.value = { entries, standing: nextAlarm(entries, old.standing, serverNow()) };
  }, [events.value, shown, tick, region]);
  const queue = alarmQueue.value;
  const event = queue.standing?.event;
  if (!event?.camera) {
    return (
      <div class="tile vacant kept" role="group" aria-label={t("wall.alarmTileLabel", { n })} style={place}>
        <div class="vacancy">
          <Icon name="bell" size={1.5} />
          <strong>{t("wall.alarmTile")}</strong>
          <span>{t("wall.alarmTileHint")}</span>
        </div>
      </div>
    );
  }
  const count = queue.entries.find((one) => one.camera === event.camera)?.count ?? 1;
  const many = queue.entries.length > 1;
  const role = user.value?.role;
  return (
    <div
      class="tile kept alarmed"
      role="group"
      aria-label={t("wall.alarmTileLabel", { n })}
      data-alarm={event.id}
      style={place}
    >
      <div class={`alarm-bar grade-${event.grade}`}>
        <button
          type="button"
          class="alarm-name"
          onClick={() => {
            openedEvent.value = event;
          }}
        >
          <GradeMark grade={event.grade} />
          <strong>{eventWords(event.kind)}</strong>
          {count > 1 && <small>{t("events.times", { n: count })}</small>}
          <span class="grow" />
          <span>{shortTime(event.last ?? event.start)}</span>
        </button>
        {many && (
          <span class="alarm-steps">
            <Button icon="chevronLeft" label={t("wall.alarmBefore")} hideLabel onClick={() => stepAlarm(-1)} />
            <span
              class="place"
              role="status"
              aria-label={t("wall.alarmPlace", { n: placeOf(queue), all: queue.entries.length })}
            >
              {placeOf(queue)}/{queue.entries.length}
            </span>
            <Button icon="chevronRight" label={t("wall.alarmNext")} hideLabel onClick={() => stepAlarm(1)} />
          </span>
        )}
        {(role === "administrator" || role === "operator") && (
          <Button icon="check" label={t("wall.alarmDone")} hideLabel onClick={() => void acknowledgeAlarm()} />
        )}
      </div>
      <LiveTile key={event.camera} code={event.camera} priority="incident" />
    </div>
  );
}
