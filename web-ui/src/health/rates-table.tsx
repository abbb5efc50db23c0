/** Lines of an answer; each opens into what it is made of. */
import { useState } from "preact/hooks";
import { cameras, regionPath } from "../api/store";
import type { CameraCode } from "../domain/ids";
import { language, t } from "../i18n/t";
import { Button } from "../ui/widgets";
import { type Line, type Question, RATES, type Rate, type RateName, type Supervision } from "./api";
import { addressOf, deeper, percentOf, VILLAGE } from "./range";

/** Lines shown at first: 3,500 rows at once nobody reads. */
const AT_ONCE = 100;

type Sort = RateName | "name" | "period";

/** The worst first; what has nothing to say last. */
export function sorted(lines: readonly Line[], by: Sort, words: (line: Line) => string): readonly Line[] {
  const share = (line: Line): number =>
    by === "name" || by === "period" ? 0 : (line.rates[by].share ?? Number.POSITIVE_INFINITY);
  return [...lines].sort((a, b) => {
    if (by === "name") return words(a).localeCompare(words(b)) || a.period.localeCompare(b.period);
    if (by === "period") return a.period.localeCompare(b.period) || words(a).localeCompare(words(b));
    return share(a) - share(b) || words(a).localeCompare(words(b));
  });
}

export function RatesTable({ answer, question }: { answer: Supervision; question: Question }) {
  const timed = answer.period !== "all";
  const [sort, setSort] = useState<Sort>(timed ? "period" : "online");
  const [shown, setShown] = useState(AT_ONCE);
  const words = (line: Line): string => {
    const name = (language.value === "en" && line.name_en ? line.name_en : line.name) || t("supervision.unnamed");
    return answer.by === "village" && line.key.length < VILLAGE ? t("supervision.ownOf", { name }) : name;
  };
  const counted = answer.by !== "camera";
  const lines = sorted(answer.lines, sort, words);
  const head = (key: Sort, label: string, number = true) => (
    <th class={number ? "number" : ""} aria-sort={sort === key ? "ascending" : "none"}>
      <button type="button" class="plain-sort" onClick={() => setSort(key)}>
        {label}
        {sort === key && <span aria-hidden="true"> ▲</span>}
      </button>
    </th>
  );
  return (
    <>
      <div class="card table-scroll" tabIndex={0} role="region" aria-label={t("supervision.lines")}>
        <table class="rates">
          <thead>
            <tr>
              {head("name", answer.by === "all" ? t("app.all") : t(`supervision.by.${answer.by}`), false)}
              {timed && head("period", t("supervision.since"), false)}
              {counted && <th class="number">{t("supervision.cameras")}</th>}
              {RATES.map((name) => head(name, t(`rate.${name}`)))}
            </tr>
          </thead>
          <tbody>
            {lines.slice(0, shown).map((line) => (
              <tr key={`${line.key}/${line.period}`}>
                <th scope="row">
                  <a href={into(question, answer, line)}>{words(line)}</a>
                  {answer.by === "camera" && <small class="dim">{place(line.key)}</small>}
                </th>
                {timed && <td>{line.period}</td>}
                {counted && <td class="number">{line.cameras}</td>}
                {RATES.map((name) => (
                  <RateCell key={name} rate={line.rates[name]} name={t(`rate.${name}`)} />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {lines.length > shown && (
        <div class="actions">
          <span class="dim">{t("supervision.shown", { n: shown, all: lines.length })}</span>
          <Button label={t("app.loadMore")} onClick={() => setShown(shown + 5 * AT_ONCE)} />
        </div>
      )}
    </>
  );
}

const place = (code: string): string => regionPath(cameras.value.get(code as CameraCode)?.region);

function into(question: Question, answer: Supervision, line: Line): string {
  if (answer.by === "camera") return addressOf(question, { camera: line.key });
  return addressOf(deeper({ ...question, by: answer.by }, line.key));
}

function RateCell({ rate, name }: { rate: Rate; name: string }) {
  return (
    <td class={`number rate-${rate.state ?? "none"}`} data-label={name}>
      {percentOf(rate.share)}
      {rate.state && rate.state !== "met" && (
        <span class="rate-mark">
          <span aria-hidden="true">{rate.state === "alarm" ? "▼▼" : "▼"}</span>
          <span class="sr-only">{t(`rateState.${rate.state}`)}</span>
        </span>
      )}
    </td>
  );
}
