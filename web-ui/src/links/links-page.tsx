/** The links: a tree with what is used, given out and allowed; of one, who holds it, what it refused, and its settings. */
import "./links.css";
import { useEffect, useMemo, useState } from "preact/hooks";
import { api } from "../api/client";
import { cameras, regionPath, tree } from "../api/store";
import { DiagnoseLine } from "../diagnose/tool";
import type { DiagnosisRound } from "../domain/diagnosis";
import type { RegionCode } from "../domain/ids";
import type { Link, LinkNote } from "../domain/link";
import { t, tCode } from "../i18n/t";
import { rate, regionName, shortTime } from "../i18n/words";
import { Icon } from "../ui/icon";
import { navigate, where } from "../ui/router";
import { Empty, Loading } from "../ui/widgets";
import { LinkBar } from "./link-bar";
import { LinkSettings } from "./link-settings";
import { inUse, type Row, rows, stateOf } from "./order";

const READ_MS = 3000;
/** Cameras listed of one link; more are counted. */
const MOST_PULLS = 60;

export default function LinksPage() {
  const [links, setLinks] = useState<readonly Link[] | null>(null);
  const [round, setRound] = useState<DiagnosisRound | null>(null);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const [used, setUsed] = useState(false);
  const [search, setSearch] = useState("");
  const read = () =>
    void api.links().then((result) => {
      if (!result.ok) return;
      setLinks(result.value);
      // The first look: what hangs directly on the district.
      setOpen((now) =>
        now.size > 0 ? now : new Set(result.value.filter((one) => one.up === null).map((one) => one.id)),
      );
    });
  useEffect(() => {
    const look = () => {
      read();
      void api.diagnosisRound().then((result) => result.ok && setRound(result.value));
    };
    look();
    const timer = setInterval(look, READ_MS);
    return () => clearInterval(timer);
  }, []);
  const chosen = where.value.search.get("r");
  const text = search.trim().toLowerCase();
  const shown = useMemo(() => {
    const only =
      used || text
        ? (link: Link) =>
            (!used || inUse(link)) && (!text || link.id.startsWith(text) || nameOf(link).toLowerCase().includes(text))
        : undefined;
    return rows(links ?? [], open, only);
  }, [links, open, used, text]);
  const link = links?.find((one) => one.id === chosen);
  const pick = (id: string) => navigate(`/links?r=${id}`, "replace");
  const toggle = (id: string) =>
    setOpen((now) => {
      const next = new Set(now);
      if (!next.delete(id)) next.add(id);
      return next;
    });
  if (!links) return <Loading />;
  return (
    <div class="page links-page">
      <div class="page-head">
        <h1>{t("links.title")}</h1>
        <span class="dim lead">{t("links.lead")}</span>
        <span class="grow" />
        {round && <Round round={round} />}
      </div>
      <div class="links-columns">
        <section class="card links-list">
          <header>
            <input
              type="search"
              placeholder={t("links.search")}
              aria-label={t("links.search")}
              value={search}
              onInput={(event) => setSearch(event.currentTarget.value)}
            />
            <label class="check">
              <input type="checkbox" checked={used} onChange={(event) => setUsed(event.currentTarget.checked)} />
              <span>{t("links.onlyUsed")}</span>
            </label>
          </header>
          {links.length === 0 ? (
            <Empty icon="link" title={t("links.none")} hint={t("links.noneHint")} />
          ) : shown.length === 0 ? (
            <Empty icon="search" title={t("links.noMatch")} />
          ) : (
            <ul class="link-rows" aria-label={t("links.tree")}>
              {shown.map((row) => (
                <LinkRow
                  key={row.link.id}
                  row={row}
                  chosen={row.link.id === chosen}
                  onPick={() => pick(row.link.id)}
                  onToggle={() => toggle(row.link.id)}
                />
              ))}
            </ul>
          )}
        </section>
        <section class="card link-detail" aria-live="off">
          {link ? (
            <LinkDetail key={link.id} link={link} links={links} onChanged={read} />
          ) : (
            <Empty icon="link" title={t("links.pick")} hint={t("links.pickHint")} />
          )}
        </section>
      </div>
    </div>
  );
}

function Round({ round }: { round: DiagnosisRound }) {
  if (!round.enabled) return <span class="dim">{t("links.roundOff")}</span>;
  const bad = Object.entries(round.outcomes).reduce((sum, [code, n]) => (code === "good" ? sum : sum + n), 0);
  return (
    <span class="round">
      <strong>{t("links.round")}</strong>
      <span>
        {t("links.roundKnown", {
          known: round.known,
          cameras: round.cameras,
          hours: Math.round(round.period_s / 360) / 10,
        })}
      </span>
      {bad > 0 && <span class="warned">{t("links.roundBad", { n: bad })}</span>}
    </span>
  );
}

/** Of one village among several of its name: with its town in the detail, alone in the tree. */
function nameOf(link: Link): string {
  const region = tree.value.regions.get(link.id as RegionCode);
  return region ? regionName(region) : link.name;
}

function LinkRow({
  row,
  chosen,
  onPick,
  onToggle,
}: {
  row: Row;
  chosen: boolean;
  onPick: () => void;
  onToggle: () => void;
}) {
  const { link, depth, children } = row;
  return (
    <li class={chosen ? "link-row chosen" : "link-row"} style={{ "--depth": depth }}>
      {children > 0 ? (
        <button
          type="button"
          class="fold"
          aria-expanded={row.open}
          aria-label={`${row.open ? t("links.collapse") : t("links.expand")}: ${nameOf(link)}`}
          onClick={onToggle}
        >
          <Icon name={row.open ? "chevronDown" : "chevronRight"} size={1} />
        </button>
      ) : (
        <span class="fold" />
      )}
      <button type="button" class="link-pick" aria-current={chosen ? "true" : undefined} onClick={onPick}>
        <span class="name clip">{nameOf(link)}</span>
        <LinkBar link={link} />
        <span class={`figure is-${stateOf(link)}`}>
          {link.budget_bps === 0 ? t("links.closed") : `${rate(link.reserved_bps)} / ${rate(link.budget_bps)}`}
        </span>
        <span class={link.refused > 0 ? "refusals warned" : "refusals"}>
          {link.refused > 0 ? `${t("links.refused")} ${link.refused}` : ""}
        </span>
      </button>
    </li>
  );
}

function LinkDetail({ link, links, onChanged }: { link: Link; links: readonly Link[]; onChanged: () => void }) {
  const [notes, setNotes] = useState<readonly LinkNote[]>([]);
  useEffect(() => {
    const read = () => void api.linkNotes(link.id).then((result) => result.ok && setNotes(result.value));
    read();
    const timer = setInterval(read, READ_MS);
    return () => clearInterval(timer);
  }, [link.id]);
  const region = tree.value.regions.get(link.id as RegionCode);
  return (
    <>
      <header>
        <h2 class="clip">{region ? regionPath(region.code) : link.name}</h2>
        <span class="dim">{link.id}</span>
      </header>
      <div class="detail-body" tabIndex={0} role="region" aria-label={nameOf(link)}>
        <LinkBar link={link} tall />
        <dl class="link-figures">
          <Figure label={t("links.capacity")} value={rate(link.capacity_bps)} />
          <Figure
            label={t("links.budget")}
            value={rate(link.budget_bps)}
            hint={t("links.shareNow", { share: Math.round(link.share_now * 100) })}
          />
          <Figure label={t("links.reserved")} value={rate(link.reserved_bps)} mark="reserved" />
          <Figure label={t("links.used")} value={rate(link.measured_bps)} mark="used" />
          <Figure
            label={t("links.refused")}
            value={String(link.refused)}
            warn={link.refused > 0}
            hint={Object.entries(link.refused_by)
              .map(([code, n]) => `${tCode("priority", code) ?? code} ${n}`)
              .join(" · ")}
          />
          <Figure label={t("links.gaveWay")} value={String(link.gave_way)} warn={link.gave_way > 0} />
          <Figure label={t("links.corrected")} value={String(link.corrected)} />
        </dl>
        <h3>{t("links.holders")}</h3>
        <Holders link={link} />
        <h3>{t("links.notes")}</h3>
        <Notes notes={notes} />
        <h3>
          {t("links.settings")} <small class="dim">{t(`links.said.${link.said}`)}</small>
        </h3>
        <LinkSettings link={link} links={links} onChanged={onChanged} />
      </div>
    </>
  );
}

function Figure({
  label,
  value,
  hint,
  warn = false,
  mark,
}: {
  label: string;
  value: string;
  hint?: string;
  warn?: boolean;
  mark?: "used" | "reserved";
}) {
  return (
    <div class={warn ? "warned" : ""}>
      <dt>
        {mark && <i class={`key ${mark}`} />}
        {label}
      </dt>
      <dd>{value}</dd>
      {hint && <dd class="hint">{hint}</dd>}
    </div>
  );
}

const URGENCY = ["incident", "wall", "recording", "tagging", "viewer", "diagnosis"];
const rank = (priority: string | null): number => {
  const at = URGENCY.indexOf(priority ?? "");
  return at < 0 ? URGENCY.length : at;
};

function Holders({ link }: { link: Link }) {
  if (link.pulls.length === 0) return <p class="dim">{t("links.noHolders")}</p>;
  const sorted = [...link.pulls].sort((a, b) => rank(a.priority) - rank(b.priority) || b.bps - a.bps);
  return (
    <div class="scroll-x" tabIndex={0} role="region" aria-label={t("links.holders")}>
      <table class="holders">
        <thead>
          <tr>
            <th>{t("links.camera")}</th>
            <th>{t("links.stream")}</th>
            <th>{t("links.for")}</th>
            <th class="number">{t("links.given")}</th>
            <th class="number">{t("links.takes")}</th>
          </tr>
        </thead>
        <tbody>
          {sorted.slice(0, MOST_PULLS).map((pull) => (
            <tr key={`${pull.camera}/${pull.profile}`}>
              <td>{pull.camera_name || pull.camera}</td>
              <td>{t(pull.profile === "main" ? "links.main" : "links.sub")}</td>
              <td>
                {tCode("priority", pull.priority ?? "none")}
                {pull.viewers.length > 0 && <small class="dim"> {pull.viewers.join(", ")}</small>}
              </td>
              <td class="number">{rate(pull.bps)}</td>
              <td class="number">{pull.measured_bps > 0 ? rate(pull.measured_bps) : "—"}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {sorted.length > MOST_PULLS && <p class="dim">{t("links.more", { n: sorted.length - MOST_PULLS })}</p>}
    </div>
  );
}

function Notes({ notes }: { notes: readonly LinkNote[] }) {
  if (notes.length === 0) return <p class="dim">{t("links.noNotes")}</p>;
  return (
    <ul class="link-notes">
      {notes.slice(0, 20).map((note) => (
        <li key={`${note.at}${note.camera}${note.profile}`}>
          <span class="dim">{shortTime(note.at)}</span>
          <span>
            {note.camera_name || note.camera} · {t(note.profile === "main" ? "links.main" : "links.sub")} ·{" "}
            {tCode("priority", note.priority ?? "none")}
          </span>
          <span>
            {t(`links.note.${note.what}`, {
              rate: rate(note.wanted_bps ?? 0),
              by: note.by ? (cameras.value.get(note.by)?.name ?? note.by) : "",
            })}
          </span>
          <DiagnoseLine code={note.camera} name={note.camera_name || note.camera} />
        </li>
      ))}
    </ul>
  );
}
