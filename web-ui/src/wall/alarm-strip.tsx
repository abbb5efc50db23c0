import { signal } from "@preact/signals";
import { events } from "../api/store";
import type { SightEvent } from "../domain/event";
import { t } from "../i18n/t";
import { eventWords, shortTime } from "../i18n/words";
import { Icon } from "../ui/icon";
import { GradeMark } from "../ui/marks";
import { Empty } from "../ui/widgets";

/** The event that is opened over whatever page is shown. */
export const openedEvent = signal<SightEvent | null>(null);
const SHOWN = 40;

/** Newest events, as they come. They never take the focus. */
export function AlarmStrip() {
  const list = events.value.slice(0, SHOWN);
  return (
    <aside class="alarms" aria-label={t("wall.alarms")}>
      <h2>
        <Icon name="bell" size={1.125} />
        {t("wall.alarms")}
      </h2>
      <div class="scroll" aria-live="off" tabIndex={0} role="region" aria-label={t("wall.alarms")}>
        {list.length === 0 && <Empty icon="bell" title={t("wall.noAlarms")} hint={t("wall.noAlarmsHint")} />}
        {list.map((event) => (
          <EventCard key={event.id} event={event} />
        ))}
      </div>
    </aside>
  );
}

export function EventCard({ event }: { event: SightEvent }) {
  return (
    <button
      type="button"
      class={event.acknowledged ? "event-card done" : "event-card"}
      onClick={() => {
        openedEvent.value = event;
      }}
    >
      {event.snapshot ? (
        <img src={event.snapshot} alt="" loading="lazy" />
      ) : (
        <span class="no-picture">
          <Icon name="videoOff" size={1.25} />
        </span>
      )}
      <span class="lines">
        <strong>
          <GradeMark grade={event.grade} />
          {eventWords(event.kind)}
          {event.count > 1 && <small>{t("events.times", { n: event.count })}</small>}
        </strong>
        <span class="clip">{event.camera_name ?? event.camera ?? "—"}</span>
        <small>{shortTime(event.start)}</small>
      </span>
    </button>
  );
}
