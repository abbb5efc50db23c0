/** A week that is painted: by dragging a rectangle, or by arrows with Space and Shift. A cell is half an hour. */
import { useRef, useState } from "preact/hooks";
import { language, t } from "../i18n/t";
import { percentWords } from "../i18n/words";
import { Button } from "../ui/widgets";
import { CELLS, cellAt, cellClock, DAYS, emptyWeek, move, paint, shareOf, type Week, weekOf } from "./plan-logic";

const WORK = [{ days: 31, from_min: 480, to_min: 1080 }];
const NIGHT = [
  { days: 127, from_min: 0, to_min: 360 },
  { days: 127, from_min: 1200, to_min: 1440 },
];
const dayName = (day: number): string => t(`day.${day}` as "day.0");

export function WeekGrid({ week, onChange }: { week: Week; onChange: (week: Week) => void }) {
  const [at, setAt] = useState(cellAt(0, 16));
  const [drag, setDrag] = useState<{ from: number; to: number; on: boolean } | null>(null);
  const grid = useRef<HTMLDivElement>(null);
  const shown = drag ? paint(week, drag.from, drag.to, drag.on) : week;
  /** Where Shift began to paint, and what with. */
  const anchor = useRef<{ cell: number; on: boolean; base: Week } | null>(null);

  const focus = (cell: number) => {
    setAt(cell);
    grid.current?.querySelector<HTMLElement>(`[data-cell="${cell}"]`)?.focus();
  };
  const under = (event: PointerEvent): number | null => {
    const cell = document.elementFromPoint(event.clientX, event.clientY)?.closest<HTMLElement>("[data-cell]");
    return cell && grid.current?.contains(cell) ? Number(cell.dataset.cell) : null;
  };
  const key = (event: KeyboardEvent) => {
    if (event.key === " " || event.key === "Enter") {
      onChange(paint(week, at, at, !week[at]));
      anchor.current = null;
    } else {
      const there = move(at, event.key);
      if (there === null) return;
      if (event.shiftKey) {
        anchor.current ??= { cell: at, on: !week[at], base: week };
        onChange(paint(anchor.current.base, anchor.current.cell, there, anchor.current.on));
      } else anchor.current = null;
      focus(there);
    }
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="week">
      <div class="week-head" aria-hidden="true">
        <span />
        {Array.from({ length: 13 }, (_, i) => (
          <span key={i} style={{ gridColumn: i === 12 ? "50" : `${2 + i * 4} / span 4` }}>
            {i === 12 ? "" : String(i * 2).padStart(2, "0")}
          </span>
        ))}
      </div>
      <div
        class="week-grid"
        ref={grid}
        role="grid"
        tabIndex={-1}
        aria-label={t("recplan.weekGrid")}
        aria-multiselectable="true"
        onKeyDown={key}
        onPointerDown={(event) => {
          const cell = under(event);
          if (cell === null || event.button !== 0) return;
          event.preventDefault();
          event.currentTarget.setPointerCapture(event.pointerId);
          focus(cell);
          anchor.current = null;
          setDrag({ from: cell, to: cell, on: !week[cell] });
        }}
        onPointerMove={(event) => {
          const cell = drag && under(event);
          if (drag && cell !== null && cell !== drag.to) setDrag({ ...drag, to: cell });
        }}
        onPointerUp={() => {
          if (drag) onChange(paint(week, drag.from, drag.to, drag.on));
          setDrag(null);
        }}
        onPointerCancel={() => setDrag(null)}
      >
        {Array.from({ length: DAYS }, (_, day) => (
          <div key={day} class="week-row" role="row" tabIndex={-1}>
            <span class="week-day" role="rowheader">
              {dayName(day)}
            </span>
            {Array.from({ length: CELLS }, (_, cell) => {
              const n = cellAt(day, cell);
              return (
                <span
                  key={cell}
                  role="gridcell"
                  data-cell={n}
                  class={shown[n] ? "on" : ""}
                  aria-selected={shown[n]}
                  aria-label={`${t("recplan.weekCell", { day: dayName(day), from: cellClock(cell), to: cellClock(cell + 1) })}, ${shown[n] ? t("recplan.on") : t("recplan.offCell")}`}
                  tabIndex={n === at ? 0 : -1}
                  onFocus={() => setAt(n)}
                />
              );
            })}
          </div>
        ))}
      </div>
      <div class="week-foot">
        <Button label={t("recplan.weekAll")} onClick={() => onChange(emptyWeek(true))} />
        <Button label={t("recplan.weekWork")} onClick={() => onChange(weekOf(WORK))} />
        <Button label={t("recplan.weekNight")} onClick={() => onChange(weekOf(NIGHT))} />
        <Button label={t("recplan.weekNone")} onClick={() => onChange(emptyWeek())} />
        <span class="grow" />
        <span class="dim" role="status" lang={language.value}>
          {t("recplan.weekHours", {
            hours: shown.filter(Boolean).length / 2,
            share: percentWords(shareOf(shown), 0),
          })}
        </span>
      </div>
    </div>
  );
}
