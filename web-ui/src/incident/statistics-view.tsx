/** Figures of incidents by kind, region and grade, over the last days. */
import { useEffect, useState } from "preact/hooks";
import { command } from "../api/command";
import { serverNow, tree } from "../api/store";
import type { Figures, Statistics } from "../domain/command";
import type { Grade } from "../domain/event";
import type { RegionCode } from "../domain/ids";
import { t, tCode } from "../i18n/t";
import { duration, regionName } from "../i18n/words";
import { GradeMark } from "../ui/marks";
import { Button, Choice, Empty, Loading, problemWords } from "../ui/widgets";

type Days = "7" | "30" | "365";

export function StatisticsView() {
  const [days, setDays] = useState<Days>("30");
  const [found, setFound] = useState<Statistics | null>(null);
  const [error, setError] = useState<string | null>(null);
  useEffect(() => {
    const to = serverNow() + 60_000;
    const from = to - Number(days) * 86_400_000;
    void command.statistics(new Date(from).toISOString(), new Date(to).toISOString()).then((answer) => {
      if (answer.ok) setFound(answer.value);
      else setError(problemWords(answer.problem));
    });
  }, [days]);
  return (
    <section class="page statistics">
      <div class="page-head">
        <h2>{t("statistics.title")}</h2>
        <Choice
          label={t("statistics.range")}
          value={days}
          options={[
            ["7", t("statistics.days", { n: 7 })],
            ["30", t("statistics.days", { n: 30 })],
            ["365", t("statistics.days", { n: 365 })],
          ]}
          onPick={setDays}
        />
        <Button icon="download" label={t("statistics.print")} onClick={() => print()} />
      </div>
      {error && <p class="notice bad">{error}</p>}
      {!found && !error && <Loading />}
      {found && found.all.incidents === 0 && (
        <Empty icon="gauge" title={t("statistics.none")} hint={t("statistics.noneHint")} />
      )}
      {found && found.all.incidents > 0 && (
        <>
          <Group title={t("statistics.all")} rows={[found.all]} name={() => t("app.all")} />
          <Group
            title={t("statistics.grades")}
            rows={found.grades}
            name={(row) => <GradeMark grade={row.key as Grade} words />}
          />
          <Group
            title={t("statistics.kinds")}
            rows={found.kinds}
            name={(row) => tCode("incident.kind", row.key ?? "") ?? (row.key || t("incident.kind.general"))}
          />
          <Group title={t("statistics.regions")} rows={found.regions} name={regionWords} />
        </>
      )}
    </section>
  );
}

/** In the language of the page where the register has the region still. */
const regionWords = (row: Figures): string => {
  const region = tree.value.regions.get((row.key ?? "") as RegionCode);
  return region ? regionName(region) : (row.name ?? row.key ?? "");
};

function Group(props: { title: string; rows: readonly Figures[]; name: (row: Figures) => preact.ComponentChildren }) {
  const most = Math.max(1, ...props.rows.map((row) => row.incidents));
  const time = (seconds: number | null) => (seconds === null ? "—" : duration(seconds));
  return (
    <div class="card">
      <header>
        <h3>{props.title}</h3>
      </header>
      <div class="table-scroll scroll" tabIndex={0} role="region" aria-label={props.title}>
        <table>
          <thead>
            <tr>
              <th>{props.title}</th>
              <th>{t("incident.title")}</th>
              <th class="number">{t("incident.open")}</th>
              <th class="number">{t("task.title")}</th>
              <th class="number">{t("task.state.done")}</th>
              <th class="number">{t("task.overdue")}</th>
              <th class="number">{t("statistics.verify")}</th>
              <th class="number">{t("statistics.close")}</th>
              <th class="number">{t("statistics.acknowledge")}</th>
              <th class="number">{t("statistics.finish")}</th>
            </tr>
          </thead>
          <tbody>
            {props.rows.map((row) => (
              <tr key={row.key ?? "all"}>
                <td>{props.name(row)}</td>
                <td class="counted">
                  <span class="bar" style={{ width: `${(100 * row.incidents) / most}%` }} aria-hidden="true" />
                  {row.incidents}
                </td>
                <td class="number">{row.open}</td>
                <td class="number">{row.tasks}</td>
                <td class="number">{row.tasks_done}</td>
                <td class={row.tasks_overdue > 0 ? "number late" : "number"}>{row.tasks_overdue}</td>
                <td class="number">{time(row.verify_s)}</td>
                <td class="number">{time(row.close_s)}</td>
                <td class="number">{time(row.acknowledge_s)}</td>
                <td class="number">{time(row.finish_s)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}
