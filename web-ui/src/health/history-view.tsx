/** One camera: a strip of its states, a row a day; what was wrong with its picture and clock; its figures. */
import { useEffect, useState } from "preact/hooks";
import { cameras, regionPath, serverNow } from "../api/store";
import { DiagnoseTool } from "../diagnose/tool";
import type { CameraCode } from "../domain/ids";
import { noteWords } from "../i18n/said";
import { t, tCode } from "../i18n/t";
import { dayClock, duration, reasonWords } from "../i18n/words";
import { navigate, where } from "../ui/router";
import { Button, Empty, Loading, problemWords } from "../ui/widgets";
import { type CameraDay, type CameraHistory, type Question, STRIP_STATES, type Stretch, supervisionApi } from "./api";
import { addressOf, dayOf, isDay, percentOf, plusDays } from "./range";
import { Crumbs } from "./supervision-view";

/** Days of one strip. */
const DAYS = 14;
const DAY_MS = 86_400_000;

/** A day's stretches as shares of its width. Pure. */
export function barsOf(strip: readonly Stretch[], startMs: number): { at: number; width: number; of: Stretch }[] {
  const out: { at: number; width: number; of: Stretch }[] = [];
  for (const of of strip) {
    const from = Math.max(Date.parse(of.from), startMs);
    const to = Math.min(Date.parse(of.to), startMs + DAY_MS);
    if (from < to) out.push({ at: (from - startMs) / DAY_MS, width: (to - from) / DAY_MS, of });
  }
  return out;
}

export function HistoryView({ code, question }: { code: string; question: Question }) {
  const today = dayOf(serverNow());
  const asked = where.value.search.get("last");
  const last = isDay(asked) ? asked : question.to < today ? question.to : today;
  const first = plusDays(last, -(DAYS - 1));
  const [history, setHistory] = useState<CameraHistory | null>(null);
  const [error, setError] = useState<string | null>(null);
  useEffect(() => {
    let gone = false;
    void supervisionApi.history(code, first, last).then((result) => {
      if (gone) return;
      if (!result.ok) return setError(problemWords(result.problem));
      setError(null);
      setHistory(result.value);
    });
    return () => {
      gone = true;
    };
  }, [code, first, last]);
  const camera = cameras.value.get(code as CameraCode);
  const go = (days: number) => navigate(addressOf(question, { camera: code, last: plusDays(last, days) }));
  return (
    <div class="supervision">
      <Crumbs question={question} leaf={history?.name ?? camera?.name ?? code} />
      <div class="page-head">
        <h2>
          {history?.name ?? camera?.name ?? code} <span class="dim small">{regionPath(camera?.region)}</span>
        </h2>
        <div class="actions">
          <Button icon="skipBack" label={t("supervision.earlier")} onClick={() => go(-DAYS)} />
          <span>
            {first} – {last}
          </span>
          <Button
            icon="skipForward"
            label={t("supervision.later")}
            disabled={last >= today}
            onClick={() => go(Math.min(DAYS, Math.round((Date.parse(today) - Date.parse(last)) / DAY_MS)))}
          />
          {camera && <DiagnoseTool camera={camera} />}
          <a class="button" href={`/playback?c=${code}`}>
            {t("nav.playback")}
          </a>
        </div>
      </div>
      {error && <p class="notice bad">{error}</p>}
      {!history && !error && <Loading />}
      {history && (
        <>
          <section class="card">
            <header>
              <h3>{t("supervision.strip")}</h3>
            </header>
            <Strips history={history} first={first} last={last} />
            <ul class="strip-keys">
              {STRIP_STATES.map((state) => (
                <li key={state}>
                  <i class={`strip ${state}`} aria-hidden="true" />
                  {t(`strip.${state}`)}
                </li>
              ))}
              <li>
                <i class="strip live presumed" aria-hidden="true" />
                {t("strip.presumed")}
              </li>
            </ul>
          </section>
          <div class="supervision-grid">
            <Notes history={history} />
          </div>
          <Days days={history.days} />
        </>
      )}
    </div>
  );
}

function Strips({ history, first, last }: { history: CameraHistory; first: string; last: string }) {
  const days: string[] = [];
  for (let day = last; day >= first; day = plusDays(day, -1)) days.push(day);
  return (
    <div class="strips" role="list">
      <div class="strip-hours" aria-hidden="true">
        {[0, 6, 12, 18, 24].map((hour) => (
          <span key={hour}>{hour}</span>
        ))}
      </div>
      {days.map((day) => {
        // The district's midnight: what the gateway calls the day.
        const start = Date.parse(`${day}T00:00:00+08:00`);
        const bars = barsOf(history.strip, start);
        const figure = history.days.find((one) => one.day === day);
        const down = bars.filter((bar) => bar.of.state === "down");
        return (
          <div class="strip-row" role="listitem" key={day}>
            <span>{day.slice(5)}</span>
            <div
              class="strip-bar"
              role="img"
              aria-label={t("supervision.stripDay", {
                day,
                rate: percentOf(shareOf(figure?.online_s, figure?.expected_s)),
                n: down.length,
              })}
            >
              {bars.map((bar) => (
                <i
                  key={bar.of.from}
                  class={`strip ${bar.of.state} ${bar.of.presumed ? "presumed" : ""}`}
                  style={{ left: `${bar.at * 100}%`, width: `${Math.max(bar.width * 100, 0.05)}%` }}
                  title={stretchWords(bar.of)}
                />
              ))}
            </div>
            <span class="number">{percentOf(shareOf(figure?.online_s, figure?.expected_s))}</span>
          </div>
        );
      })}
    </div>
  );
}

const shareOf = (part: number | undefined, whole: number | undefined): number | null =>
  part !== undefined && whole ? part / whole : null;

function stretchWords(of: Stretch): string {
  const words = `${dayClock(Date.parse(of.from))} – ${dayClock(Date.parse(of.to))} ${t(`strip.${of.state}`)}`;
  return of.code ? `${words}: ${reasonWords({ code: of.code, text: "" })}` : words;
}

function Notes({ history }: { history: CameraHistory }) {
  const down = history.strip.filter((one) => one.state === "down");
  return (
    <>
      <section class="card">
        <header>
          <h3>{t("supervision.downs")}</h3>
        </header>
        {down.length === 0 ? (
          <Empty icon="check" title={t("supervision.noDowns")} />
        ) : (
          <ul class="lines scroll">
            {[...down]
              .reverse()
              .slice(0, 200)
              .map((one) => (
                <li key={one.from}>
                  <span>{dayClock(Date.parse(one.from))}</span>
                  <span class="grow">{reasonWords({ code: one.code ?? "unknown", text: "" })}</span>
                  <span class="number">{duration((Date.parse(one.to) - Date.parse(one.from)) / 1000)}</span>
                </li>
              ))}
          </ul>
        )}
      </section>
      <section class="card">
        <header>
          <h3>{t("supervision.faults")}</h3>
        </header>
        {history.faults.length === 0 && history.clock.length === 0 ? (
          <Empty icon="check" title={t("supervision.noFaults")} />
        ) : (
          <ul class="lines scroll">
            {[...history.faults].reverse().map((fault) => (
              <li key={`${fault.kind}${fault.from}`}>
                <span>{dayClock(Date.parse(fault.from))}</span>
                <span class="grow">{tCode("event", fault.kind) ?? fault.kind}</span>
                <span class="number">
                  {fault.to ? duration((Date.parse(fault.to) - Date.parse(fault.from)) / 1000) : t("events.ongoing")}
                </span>
              </li>
            ))}
            {[...history.clock].reverse().map((one) => (
              <li key={one.at}>
                <span>{dayClock(Date.parse(one.at))}</span>
                <span class="grow">{t("supervision.clockIs")}</span>
                <span class="number">{(one.offset_ms / 1000).toFixed(1)} s</span>
              </li>
            ))}
          </ul>
        )}
      </section>
    </>
  );
}

function Days({ days }: { days: readonly CameraDay[] }) {
  if (days.length === 0) return <Empty icon="gauge" title={t("supervision.none")} hint={t("supervision.noneHint")} />;
  const yes = (met: boolean | null): string =>
    met === null ? "—" : met ? t("supervision.met") : t("supervision.missed");
  return (
    <div class="card table-scroll" tabIndex={0} role="region" aria-label={t("supervision.days")}>
      <table class="rates">
        <thead>
          <tr>
            <th>{t("supervision.day")}</th>
            <th class="number">{t("rate.online")}</th>
            <th class="number">{t("rate.recording")}</th>
            <th class="number">{t("supervision.outage")}</th>
            <th class="number">{t("supervision.faultTime")}</th>
            <th class="number">{t("rate.clock")}</th>
            <th class="number">{t("rate.quality")}</th>
            <th class="number">{t("rate.retention")}</th>
            <th class="number">{t("rate.file")}</th>
          </tr>
        </thead>
        <tbody>
          {[...days].reverse().map((one) => (
            <tr key={one.day}>
              <th scope="row">
                {one.day}
                {!one.judged && <small class="dim">{t("supervision.open")}</small>}
                {one.why && <small class="dim">{t("supervision.again", { why: noteWords(one.why) })}</small>}
              </th>
              <td class="number">{percentOf(shareOf(one.online_s, one.expected_s))}</td>
              <td class="number">{percentOf(shareOf(one.recorded_s, one.planned_s))}</td>
              <td class="number">{one.outage_s > 0 ? duration(one.outage_s) : "—"}</td>
              <td class="number">{one.fault_s > 0 ? duration(one.fault_s) : "—"}</td>
              <td class="number">
                {one.clock_ms === null ? "—" : `${yes(one.clock)} (${(one.clock_ms / 1000).toFixed(1)} s)`}
              </td>
              <td class="number">{yes(one.quality)}</td>
              <td class="number">
                {one.retention === null ? "—" : `${yes(one.retention)} (${one.oldest_days}/${one.required_days})`}
              </td>
              <td class="number">{yes(one.file)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
