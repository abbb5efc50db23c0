import "./supervision.css";
import { useEffect, useState } from "preact/hooks";
import { serverNow, tree } from "../api/store";
import type { RegionCode } from "../domain/ids";
import { language, t } from "../i18n/t";
import { reasonWords, regionName } from "../i18n/words";
import { navigate, where } from "../ui/router";
import { Choice, Empty, Field, Loading, problemWords } from "../ui/widgets";
import {
  BYS,
  type Cause,
  type Line,
  PERIODS,
  type Question,
  RATES,
  reportUrl,
  type Supervision,
  sheetUrl,
  supervisionApi,
} from "./api";
import { HistoryView } from "./history-view";
import { addressOf, dayOf, daysBetween, PRESETS, percentOf, presetRange, questionOf } from "./range";
import { RatesTable } from "./rates-table";
import { Trend } from "./trend";

/** Days drawn one by one; beyond, weeks. */
const MAX_DAYS_DRAWN = 92;

export function SupervisionView() {
  const search = where.value.search;
  const today = dayOf(serverNow());
  const question = questionOf(search, today);
  const camera = search.get("camera");
  if (camera) return <HistoryView key={camera} code={camera} question={question} />;
  return <Figures question={question} today={today} />;
}

function Figures({ question, today }: { question: Question; today: string }) {
  const [answer, setAnswer] = useState<Supervision | null>(null);
  const [trend, setTrend] = useState<readonly Line[]>([]);
  const [error, setError] = useState<string | null>(null);
  const asked = JSON.stringify(question);
  useEffect(() => {
    const abort = new AbortController();
    const drawn = daysBetween(question.from, question.to) > MAX_DAYS_DRAWN ? "week" : "day";
    void Promise.all([
      supervisionApi.figures(question, abort.signal),
      supervisionApi.figures({ ...question, by: "all", period: drawn }, abort.signal),
    ]).then(([figures, days]) => {
      if (abort.signal.aborted) return;
      if (!figures.ok) return setError(problemWords(figures.problem));
      setError(null);
      setAnswer(figures.value);
      if (days.ok) setTrend(days.value.lines);
    });
    return () => abort.abort();
  }, [asked]);
  // What a line opens into begins at its top.
  const level = [question.region, question.by, question.own, question.maker, question.department].join("/");
  useEffect(() => document.querySelector(".page")?.scrollTo(0, 0), [level]);
  const go = (change: Partial<Question>) => navigate(addressOf({ ...question, ...change }));
  return (
    <div class="supervision">
      <Filters question={question} today={today} go={go} />
      <Crumbs question={question} />
      {error && <p class="notice bad">{error}</p>}
      {!answer && !error && <Loading />}
      {answer?.days === 0 && <Empty icon="gauge" title={t("supervision.none")} hint={t("supervision.noneHint")} />}
      {answer && answer.days > 0 && (
        <>
          {answer.provisional && <p class="dim small">{t("supervision.provisional")}</p>}
          {answer.revised > 0 && <p class="dim small">{t("supervision.revised", { n: answer.revised })}</p>}
          <dl class="stats six">
            {RATES.map((name) => (
              <Total key={name} name={name} answer={answer} />
            ))}
          </dl>
          <div class="supervision-grid">
            <section class="card">
              <header>
                <h2>{t("supervision.trend")}</h2>
              </header>
              {trend.length > 1 ? (
                <Trend lines={trend} rates={["online", "recording"]} target={answer.thresholds.online.target} />
              ) : (
                <Empty icon="gauge" title={t("supervision.trendShort")} />
              )}
            </section>
            <section class="card">
              <header>
                <h2>{t("supervision.causes")}</h2>
              </header>
              <Causes causes={answer.total.causes} />
            </section>
          </div>
          <RatesTable answer={answer} question={question} />
          <p class="dim small">
            {t("supervision.formula", {
              n: answer.judged_by.formula,
              clock: answer.judged_by.clock_ms / 1000,
              fault: answer.judged_by.fault_s,
              known: answer.judged_by.known_for_s / 3600,
            })}
          </p>
        </>
      )}
    </div>
  );
}

function Total({ name, answer }: { name: (typeof RATES)[number]; answer: Supervision }) {
  const rate = answer.total.rates[name];
  const threshold = answer.thresholds[name];
  return (
    <div class={`card stat rate-${rate.state ?? "none"}`}>
      <dt>{t(`rate.${name}`)}</dt>
      <dd>{percentOf(rate.share)}</dd>
      <dd class="hint">
        {rate.state ? `${t(`rateState.${rate.state}`)} · ` : `${t("rateState.none")} · `}
        {t("supervision.targetOf", { target: Math.round(threshold.target * 100) })}
      </dd>
    </div>
  );
}

function Causes({ causes }: { causes: readonly Cause[] }) {
  if (causes.length === 0) return <Empty icon="check" title={t("supervision.noCauses")} />;
  const most = causes[0]?.seconds ?? 1;
  return (
    <ul class="bars causes">
      {causes.slice(0, 8).map((cause) => (
        <li key={cause.code}>
          <span class="clip">{reasonWords({ code: cause.code, text: "" })}</span>
          <span class="bar some" aria-hidden="true">
            <i style={{ width: `${(cause.seconds / most) * 100}%` }} />
          </span>
          <span class="number">{t("supervision.hours", { n: (cause.seconds / 3600).toFixed(1) })}</span>
        </li>
      ))}
    </ul>
  );
}

function Filters({
  question,
  today,
  go,
}: {
  question: Question;
  today: string;
  go: (change: Partial<Question>) => void;
}) {
  return (
    <div class="filters">
      <Field label={t("supervision.range")}>
        <select
          value={
            PRESETS.find((one) => {
              const [from, to] = presetRange(one, today);
              return from === question.from && to === question.to;
            }) ?? ""
          }
          onChange={(event) => {
            const preset = PRESETS.find((one) => one === event.currentTarget.value);
            if (!preset) return;
            const [from, to] = presetRange(preset, today);
            go({ from, to });
          }}
        >
          <option value="">{t("supervision.preset.own")}</option>
          {PRESETS.map((one) => (
            <option key={one} value={one}>
              {t(`supervision.preset.${one}`)}
            </option>
          ))}
        </select>
      </Field>
      <Field label={t("events.from")}>
        <input
          type="date"
          value={question.from}
          max={question.to}
          onChange={(event) => event.currentTarget.value && go({ from: event.currentTarget.value })}
        />
      </Field>
      <Field label={t("events.to")}>
        <input
          type="date"
          value={question.to}
          min={question.from}
          max={today}
          onChange={(event) => event.currentTarget.value && go({ to: event.currentTarget.value })}
        />
      </Field>
      <div class="field">
        <span>{t("supervision.by")}</span>
        <Choice
          label={t("supervision.by")}
          value={question.by}
          options={BYS.map((one) => [one, t(`supervision.by.${one}`)] as const)}
          onPick={(by) => go({ by })}
        />
      </div>
      <div class="field">
        <span>{t("supervision.period")}</span>
        <Choice
          label={t("supervision.period")}
          value={question.period}
          options={PERIODS.map((one) => [one, t(`supervision.period.${one}`)] as const)}
          onPick={(period) => go({ period })}
        />
      </div>
      <div class="field actions-end">
        <a class="button" href={sheetUrl(question, language.value)} download="supervision.csv">
          {t("supervision.csv")}
        </a>
        <a class="button" href={reportUrl(question, language.value)} target="_blank" rel="noreferrer">
          {t("supervision.print")}
        </a>
      </div>
    </div>
  );
}

/** Where one is, and the way back up. */
export function Crumbs({ question, leaf }: { question: Question; leaf?: string }) {
  const { maker, department, region, own, ...rest } = question;
  const regions = tree.value.regions;
  const path: RegionCode[] = [];
  for (let at = region ? regions.get(region as RegionCode) : undefined; at; ) {
    path.unshift(at.code);
    at = at.parent ? regions.get(at.parent) : undefined;
  }
  const crumbs: [string, string][] = [[t("supervision.all"), addressOf({ ...rest, by: "town" })]];
  for (const code of path) {
    const of = regions.get(code);
    if (!of || of.level === "district" || of.level === "city" || of.level === "province") continue;
    crumbs.push([regionName(of), addressOf({ ...rest, region: code, by: of.level === "town" ? "village" : "camera" })]);
  }
  if (own && region) crumbs.push([t("supervision.own"), addressOf({ ...rest, region, own, by: "camera" })]);
  if (maker) crumbs.push([maker, addressOf({ ...rest, maker, by: "camera" })]);
  if (department) crumbs.push([department, addressOf({ ...rest, department, by: "camera" })]);
  if (crumbs.length === 1 && !leaf) return null;
  return (
    <nav class="crumbs" aria-label={t("supervision.path")}>
      {crumbs.map(([words, to], i) =>
        i === crumbs.length - 1 && !leaf ? (
          <strong key={to}>{words}</strong>
        ) : (
          <a key={to} href={to}>
            {words}
          </a>
        ),
      )}
      {leaf && <strong>{leaf}</strong>}
    </nav>
  );
}
