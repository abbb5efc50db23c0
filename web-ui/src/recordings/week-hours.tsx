/** The week's hours to the minute: a line a window, its days and its times. */
import type { PlanWindow } from "../domain/recording";
import { t } from "../i18n/t";
import { Button } from "../ui/widgets";
import { clockOf, DAYS, MOST_WINDOWS, minuteOf } from "./plan-logic";

const NEW: PlanWindow = { days: 31, from_min: 8 * 60, to_min: 18 * 60 };

export function WeekHours({
  windows,
  onChange,
}: {
  windows: readonly PlanWindow[];
  onChange: (windows: PlanWindow[]) => void;
}) {
  const put = (at: number, one: PlanWindow) => onChange(windows.map((old, i) => (i === at ? one : old)));
  return (
    <details class="week-hours">
      <summary>{t("recplan.hours", { n: windows.length })}</summary>
      <ul>
        {windows.map((one, at) => (
          <li key={at}>
            <div class="days" role="group" aria-label={t("recplan.hoursDays", { n: at + 1 })}>
              {Array.from({ length: DAYS }, (_, day) => (
                <label key={day} class="day">
                  <input
                    type="checkbox"
                    checked={(one.days & (1 << day)) !== 0}
                    onChange={() => put(at, { ...one, days: one.days ^ (1 << day) })}
                  />
                  <span>{t(`day.${day}` as "day.0")}</span>
                </label>
              ))}
            </div>
            <input
              type="time"
              aria-label={t("recplan.hoursFrom", { n: at + 1 })}
              value={clockOf(one.from_min)}
              onChange={(event) => put(at, { ...one, from_min: minuteOf(event.currentTarget.value, false) ?? 0 })}
            />
            <span aria-hidden="true">–</span>
            <input
              type="time"
              aria-label={t("recplan.hoursTo", { n: at + 1 })}
              value={clockOf(one.to_min)}
              onChange={(event) => put(at, { ...one, to_min: minuteOf(event.currentTarget.value, true) ?? 1440 })}
            />
            <Button
              icon="trash"
              hideLabel
              label={t("recplan.hoursDrop", { n: at + 1 })}
              onClick={() => onChange(windows.filter((_, i) => i !== at))}
            />
          </li>
        ))}
      </ul>
      {windows.length < MOST_WINDOWS && (
        <Button icon="plus" label={t("recplan.hoursAdd")} onClick={() => onChange([...windows, NEW])} />
      )}
    </details>
  );
}
