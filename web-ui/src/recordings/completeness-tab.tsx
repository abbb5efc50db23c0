/** How much of what was to be recorded was: a cell a camera and day, with the reasons where one looks. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { archive } from "../api/archive";
import { district, regionPath, regions, serverNow, user } from "../api/store";
import { type CameraCode, type RegionCode, toRfc3339 } from "../domain/ids";
import type { CameraDay } from "../domain/recording";
import { t, tCode } from "../i18n/t";
import { clock, day, lengthWords, monthDay, percentWords, reasonWords } from "../i18n/words";
import { localInput } from "../playback/local-time";
import { navigate, where } from "../ui/router";
import { Button, Choice, Empty } from "../ui/widgets";
import {
  ACCEPTED,
  type Cell,
  csv,
  type Row,
  type Sort,
  shortShare,
  type Table,
  tableOf,
  toneOf,
} from "./completeness-logic";
import { Read, RegionSelect, Stat, useRead } from "./parts";

const DAY = 86_400_000;
const LENGTHS = ["7", "14", "31"] as const;
type Length = (typeof LENGTHS)[number];
/** Rows that are drawn: a screen of a region with hundreds of cameras says to go further down. */
const MOST_ROWS = 120;

export function CompletenessTab() {
  const at = (where.value.search.get("region") ?? district.value?.code ?? "") as RegionCode;
  const [length, setLength] = useState<Length>(innerWidth < 720 ? "7" : "14");
  const [until, setUntil] = useState(() => localInput(serverNow()).slice(0, 10));
  const [sort, setSort] = useState<Sort>("worst");
  const [picked, setPicked] = useState<{ row: number; col: number } | null>(null);
  const end = Math.min(new Date(`${until}T23:59:59`).getTime(), serverNow());
  const from = new Date(`${until}T00:00:00`).getTime() - (Number(length) - 1) * DAY;
  const { value: answer, error } = useRead(
    () => archive.completeness(toRfc3339(from), toRfc3339(end), at || null),
    60_000,
    [at, length, until],
  );
  const table = useMemo(
    () => (answer ? tableOf(answer, regions.value, answer.region, sort) : null),
    [answer, sort, regions.value],
  );
  const go = (region: string) => {
    setPicked(null);
    navigate(`/recordings?tab=completeness${region ? `&region=${region}` : ""}`, "replace");
  };
  const parent = regions.value.find((one) => one.code === at)?.parent;
  const up = parent && parent.startsWith(user.value?.region ?? "") ? parent : null;
  const rows = table?.rows.slice(0, MOST_ROWS) ?? [];
  return (
    <>
      <div class="filters">
        {up && <Button icon="arrowUp" label={t("complete.up")} onClick={() => go(up)} />}
        <div class="field">
          <RegionSelect label={t("recplan.region")} value={at} onPick={go} />
        </div>
        <Choice
          label={t("complete.days")}
          value={length}
          options={LENGTHS.map((one) => [one, t("complete.whole", { n: one })] as const)}
          onPick={setLength}
        />
        <label class="field date-field">
          <span>{t("complete.until")}</span>
          <input
            type="date"
            value={until}
            max={localInput(serverNow()).slice(0, 10)}
            onChange={(event) => event.currentTarget.value && setUntil(event.currentTarget.value)}
          />
        </label>
        <Choice
          label={t("complete.sort")}
          value={sort}
          options={(["worst", "name"] as const).map((one) => [one, t(`complete.sort.${one}`)] as const)}
          onPick={setSort}
        />
        <span class="grow" />
        {table && table.rows.length > 0 && (
          <Button icon="download" label={t("complete.csv")} onClick={() => save(table, until)} />
        )}
      </div>
      <Read error={error} there={table !== null} />
      {table && (
        <>
          <Totals table={table} />
          {table.rows.length === 0 ? (
            <div class="card">
              <Empty icon="film" title={t("complete.none")} hint={t("complete.noneHint")} />
            </div>
          ) : (
            <div class="heat-and-details">
              <Heat table={table} rows={rows} picked={picked} onPick={setPicked} onRegion={go} />
              <Details table={table} rows={rows} picked={picked} />
            </div>
          )}
          {table.rows.length > rows.length && (
            <p class="dim">{t("complete.first", { n: rows.length, all: table.rows.length })}</p>
          )}
        </>
      )}
    </>
  );
}

function save(table: Table, until: string): void {
  const text = csv(table, {
    head: [t("csv.camera"), t("csv.code"), t("csv.region"), t("csv.share"), t("csv.reasons")],
    day: (ms) => localInput(ms + DAY / 2).slice(0, 10),
    regionOf: regionPath,
    reason: (code) => tCode("reason", code) ?? code,
  });
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = `completeness-${until}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

function Totals({ table }: { table: Table }) {
  const { total } = table;
  const lost = total.planned - total.recorded;
  return (
    <dl class="stats">
      <Stat
        label={t("complete.share")}
        value={percentWords(total.share, 2)}
        hint={t("complete.shareHint", { planned: lengthWords(total.planned), recorded: lengthWords(total.recorded) })}
        warn={total.share !== null && total.share < ACCEPTED}
      />
      <Stat label={t("complete.below")} value={table.below} warn={table.below > 0} />
      <Stat label={t("complete.lost")} value={lost > 0 ? lengthWords(lost) : "—"} />
      <Stat
        label={t("complete.why")}
        value={
          <span class="reasons">
            {total.missing.length === 0 && "—"}
            {total.missing.slice(0, 3).map((one) => (
              <span key={one.code}>
                {tCode("reason", one.code) ?? one.code} <small class="dim">{lengthWords(one.ms)}</small>
              </span>
            ))}
          </span>
        }
      />
    </dl>
  );
}

interface Place {
  readonly row: number;
  readonly col: number;
}

/** The cells; one of them is in the order of Tab, the arrows go to the others. */
function Heat({
  table,
  rows,
  picked,
  onPick,
  onRegion,
}: {
  table: Table;
  rows: readonly Row[];
  picked: Place | null;
  onPick: (place: Place) => void;
  onRegion: (code: string) => void;
}) {
  const grid = useRef<HTMLTableElement>(null);
  const at = picked ?? { row: 0, col: table.days.length - 1 };
  const key = (event: KeyboardEvent) => {
    const to: Record<string, Place> = {
      ArrowLeft: { ...at, col: at.col - 1 },
      ArrowRight: { ...at, col: at.col + 1 },
      ArrowUp: { ...at, row: at.row - 1 },
      ArrowDown: { ...at, row: at.row + 1 },
      Home: { ...at, col: 0 },
      End: { ...at, col: table.days.length - 1 },
    };
    const there = to[event.key];
    if (!there) return;
    event.preventDefault();
    const row = Math.min(rows.length - 1, Math.max(0, there.row));
    const col = Math.min(table.days.length - 1, Math.max(0, there.col));
    grid.current?.querySelector<HTMLElement>(`[data-place="${row}-${col}"]`)?.focus();
  };
  return (
    <div class="card heat-scroll">
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-element-to-interactive-role -- a grid that arrows walk through */}
      <table ref={grid} class="heat" role="grid" aria-label={t("complete.table")} onKeyDown={key}>
        <thead>
          <tr>
            <th>{t("recplan.camera")}</th>
            {table.days.map((one) => (
              <th key={one} class="heat-day" title={day(one)}>
                {monthDay(one)
                  .split(/[\s,]+/)
                  .map((part) => (
                    <span key={part}>{part}</span>
                  ))}
              </th>
            ))}
            <th class="heat-day">{t("complete.share")}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row, r) => (
            <tr key={row.code} data-row={row.code}>
              <th scope="row" class={row.kind === "region" ? "heat-region" : ""}>
                {row.kind === "region" ? (
                  <button type="button" onClick={() => onRegion(row.code)}>
                    {row.name} <small class="dim">{row.cameras}</small>
                  </button>
                ) : (
                  <span class="clip" title={`${row.name}\n${regionPath(row.region)}`}>
                    {row.name}
                  </span>
                )}
              </th>
              {row.cells.map((cell, c) => (
                <td
                  key={table.days[c]}
                  class={`cell ${toneOf(cell.share)} ${picked?.row === r && picked.col === c ? "picked" : ""}`}
                  data-place={`${r}-${c}`}
                  tabIndex={at.row === r && at.col === c ? 0 : -1}
                  aria-label={cellWords(row, table.days[c] ?? 0, cell)}
                  onFocus={() => onPick({ row: r, col: c })}
                  onClick={() => onPick({ row: r, col: c })}
                  onMouseEnter={() => onPick({ row: r, col: c })}
                >
                  {shortShare(cell.share)}
                </td>
              ))}
              <td class={`cell total ${toneOf(row.total.share)}`}>{shortShare(row.total.share)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const cellWords = (row: Row, at: number, cell: Cell): string =>
  [
    `${row.name}, ${day(at)}: ${cell.share === null ? t("complete.notPlanned") : `${shortShare(cell.share)} %`}`,
    ...cell.missing.map(missingWords),
  ].join(". ");
const missingWords = (one: { code: string; gaps: number; ms: number }): string =>
  t("complete.missing", { reason: tCode("reason", one.code) ?? one.code, n: one.gaps, time: lengthWords(one.ms) });

/** The gaps of the cell that is looked at. */
function Details({ table, rows, picked }: { table: Table; rows: readonly Row[]; picked: Place | null }) {
  const row = picked ? rows[picked.row] : undefined;
  const start = picked ? table.days[picked.col] : undefined;
  const cell = picked ? row?.cells[picked.col] : undefined;
  const [gaps, setGaps] = useState<{ key: string; day: CameraDay | null } | null>(null);
  const key = row && start !== undefined ? `${row.code}/${start}` : "";
  useEffect(() => {
    if (!row || row.kind !== "camera" || start === undefined || !cell?.missing.length) return;
    // Who runs over the table looks at none of them.
    const wait = setTimeout(async () => {
      const answer = await archive.completenessOf(row.code as CameraCode, toRfc3339(start), toRfc3339(start + DAY / 2));
      setGaps({ key, day: answer.ok ? (answer.value[0] ?? null) : null });
    }, 250);
    return () => clearTimeout(wait);
  }, [key]);
  if (!row || start === undefined || !cell) {
    return (
      <aside class="card padded heat-details">
        <p class="dim">{t("complete.pickHint")}</p>
      </aside>
    );
  }
  const listed = gaps?.key === key ? (gaps.day?.gaps ?? []) : [];
  const all = cell.missing.reduce((sum, one) => sum + one.gaps, 0);
  return (
    <aside class="card padded heat-details" aria-live="polite">
      <h2>{row.name}</h2>
      <p>
        {day(start)} · <strong>{cell.share === null ? t("complete.notPlanned") : percentWords(cell.share, 2)}</strong>
      </p>
      {cell.share !== null && (
        <p class="dim">
          {t("complete.shareHint", { planned: lengthWords(cell.planned), recorded: lengthWords(cell.recorded) })}
        </p>
      )}
      {cell.share !== null && cell.missing.length === 0 && <p>{t("complete.noGaps")}</p>}
      <ul class="why">
        {cell.missing.map((one) => (
          <li key={one.code}>{missingWords(one)}</li>
        ))}
      </ul>
      {listed.length > 0 && (
        <ul class="gap-list">
          {listed.slice(0, 12).map((gap) => (
            <li key={gap.start}>
              <a href={`/playback?c=${row.code}&t=${gap.start}`}>
                {clock(Date.parse(gap.start))} – {clock(Date.parse(gap.end))}
              </a>
              <span class="dim">
                {lengthWords(Date.parse(gap.end) - Date.parse(gap.start))} · {reasonWords(gap.reason)}
              </span>
            </li>
          ))}
          {all > 12 && <li class="dim">{t("complete.more", { n: all - 12 })}</li>}
        </ul>
      )}
      {row.kind === "camera" && user.value?.role !== "auditor" && (
        <a class="button" href={`/playback?c=${row.code}&t=${toRfc3339(start + DAY / 2)}`}>
          {t("complete.open")}
        </a>
      )}
    </aside>
  );
}
