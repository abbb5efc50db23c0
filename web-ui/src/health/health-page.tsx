import "./health.css";
import { useEffect, useState } from "preact/hooks";
import { api } from "../api/client";
import { cameras, cpuShare, regionPath, serverNow, status, tree } from "../api/store";
import { DiagnoseLine } from "../diagnose/tool";
import type { Camera } from "../domain/camera";
import type { RegionCode } from "../domain/ids";
import type { Link } from "../domain/link";
import { t } from "../i18n/t";
import { bytes, duration, rate, reasonWords, regionName, shortTime } from "../i18n/words";
import { lazyPage } from "../ui/lazy";
import { StateMark } from "../ui/marks";
import { navigate, where } from "../ui/router";
import { Choice, Empty } from "../ui/widgets";

const LINKS_MS = 5000;
/** Cameras listed of one cause; the register lists the rest. */
const MOST_LINES = 30;

const SupervisionView = lazyPage(() =>
  import("./supervision-view").then((module) => ({ default: module.SupervisionView })),
);
const OutagesView = lazyPage(() => import("./outages-view").then((module) => ({ default: module.OutagesView })));

const TABS = ["live", "supervision", "outages"] as const;

export default function HealthPage() {
  const asked = where.value.search.get("tab");
  const tab = TABS.find((one) => one === asked) ?? "live";
  const now = status.value;
  return (
    <div class="page health" tabIndex={0} role="region" aria-label={t("health.title")}>
      <div class="page-head">
        <h1>{t("health.title")}</h1>
        <Choice
          label={t("health.tabs")}
          value={tab}
          options={TABS.map((one) => [one, t(`health.tab.${one}`)] as const)}
          onPick={(to) => navigate(to === "live" ? "/health" : `/health?tab=${to}`)}
        />
        {now && (
          <span class="dim">
            {now.version} · {t("health.uptime", { time: duration((serverNow() - Date.parse(now.started)) / 1000) })}
          </span>
        )}
      </div>
      {tab === "live" && <Live />}
      {tab === "supervision" && <SupervisionView />}
      {tab === "outages" && <OutagesView />}
    </div>
  );
}

function Live() {
  const [links, setLinks] = useState<readonly Link[]>([]);
  useEffect(() => {
    const read = () =>
      void api.links().then((result) => {
        if (result.ok) setLinks(result.value);
      });
    read();
    const timer = setInterval(read, LINKS_MS);
    return () => clearInterval(timer);
  }, []);
  const all = [...cameras.value.values()];
  const now = status.value;
  const inService = all.filter((camera) => camera.state !== "disabled");
  const reachable = inService.filter((camera) => camera.state !== "offline").length;
  const stopped = inService.filter((camera) => camera.recording && camera.recording_state === "stopped");
  return (
    <>
      <dl class="stats">
        <Stat
          label={t("health.online")}
          hint={t("health.onlineHint")}
          value={percent(reachable, inService.length)}
          warn={reachable < inService.length}
        />
        <Stat
          label={t("health.recording")}
          value={`${all.filter((one) => one.recording_state === "recording").length} / ${all.filter((one) => one.recording).length}`}
          warn={stopped.length > 0}
        />
        {now && (
          <>
            <Stat label={t("health.ingest")} value={rate(now.ingest_bps)} />
            <Stat label={t("health.egress")} value={rate(now.egress_bps)} />
            <Stat label={t("health.viewers")} value={String(now.viewers)} hint={`${t("health.feeds")} ${now.feeds}`} />
            <Stat
              label={t("health.disk")}
              value={percent(now.disk.used_bytes, now.disk.used_bytes + now.disk.free_bytes)}
              hint={t("health.diskOf", { used: bytes(now.disk.used_bytes), free: bytes(now.disk.free_bytes) })}
            />
            <Stat
              label={t("health.cpu")}
              value={cpuShare.value === null ? "—" : `${Math.round(cpuShare.value * 100)} %`}
              hint={t("health.cpuHint")}
            />
            <Stat label={t("health.memory")} value={bytes(now.memory_bytes)} />
          </>
        )}
      </dl>
      <div class="health-grid">
        <section class="card">
          <header>
            <h2>{t("health.offlineList")}</h2>
          </header>
          <Offline list={inService.filter((camera) => camera.state === "offline")} />
        </section>
        <section class="card">
          <header>
            <h2>{t("health.byRegion")}</h2>
          </header>
          <Regions />
        </section>
        <section class="card">
          <header>
            <h2>{t("health.links")}</h2>
          </header>
          <Links links={links} />
        </section>
        <section class="card">
          <header>
            <h2>{t("health.recStopped")}</h2>
          </header>
          {stopped.length === 0 ? (
            <Empty icon="check" title={t("health.allRecording")} />
          ) : (
            <ul class="lines">
              {stopped.map((camera) => (
                <CameraLine key={camera.code} camera={camera} />
              ))}
            </ul>
          )}
        </section>
      </div>
    </>
  );
}

const percent = (part: number, whole: number): string => (whole === 0 ? "—" : `${((part / whole) * 100).toFixed(1)} %`);

function Stat({ label, value, hint, warn = false }: { label: string; value: string; hint?: string; warn?: boolean }) {
  return (
    <div class={warn ? "card stat warn" : "card stat"}>
      <dt>{label}</dt>
      <dd>{value}</dd>
      {hint && <dd class="hint">{hint}</dd>}
    </div>
  );
}

function Offline({ list }: { list: readonly Camera[] }) {
  if (list.length === 0)
    return <Empty icon="check" title={t("health.noneOffline")} hint={t("health.noneOfflineHint")} />;
  const groups = new Map<string, Camera[]>();
  for (const camera of list) {
    const code = camera.reason?.code ?? "unknown";
    groups.set(code, [...(groups.get(code) ?? []), camera]);
  }
  return (
    <div>
      {[...groups.entries()]
        .sort((a, b) => b[1].length - a[1].length)
        .map(([code, members]) => (
          <div key={code}>
            <h3 class="group">
              <StateMark state="offline" />
              {reasonWords(members[0]?.reason ?? { code: "unknown", text: "" })}
              <b>{members.length}</b>
            </h3>
            <ul class="lines">
              {members.slice(0, MOST_LINES).map((camera) => (
                <CameraLine key={camera.code} camera={camera} />
              ))}
            </ul>
            {members.length > MOST_LINES && (
              <p class="more">
                <a href="/register?s=offline">{t("health.moreOffline", { n: members.length - MOST_LINES })}</a>
              </p>
            )}
          </div>
        ))}
    </div>
  );
}

function CameraLine({ camera }: { camera: Camera }) {
  return (
    <li>
      <a class="clip" href={`/map?c=${camera.code}`}>
        {camera.name}
      </a>
      <span class="dim clip grow">{regionPath(camera.region)}</span>
      <span class="dim since">{camera.since ? t("camera.since", { time: shortTime(camera.since) }) : ""}</span>
      <DiagnoseLine code={camera.code} name={camera.name} />
    </li>
  );
}

function Regions() {
  const { regions, counts } = tree.value;
  const towns = [...regions.values()].filter((region) => region.level === "town" && counts.has(region.code));
  const list = towns.length > 0 ? towns : [...regions.values()].filter((region) => counts.has(region.code));
  return (
    <ul class="bars">
      {list.map((region) => {
        const count = counts.get(region.code);
        if (!count) return null;
        const on = count.total - count.offline;
        return (
          <li key={region.code}>
            <span class="clip">{regionName(region)}</span>
            <span class={count.offline > 0 ? "bar some" : "bar"} role="img" aria-label={percent(on, count.total)}>
              <i style={{ width: `${(on / count.total) * 100}%` }} />
            </span>
            <span>
              {on} / {count.total}
            </span>
          </li>
        );
      })}
    </ul>
  );
}

const shareOf = (link: Link): number => (link.budget_bps > 0 ? link.reserved_bps / link.budget_bps : 0);

/** The fullest first, for that is where something will be refused next; idle ones are a count until someone asks. */
function Links({ links }: { links: readonly Link[] }) {
  if (links.length === 0) return <Empty icon="link" title={t("health.noLinks")} hint={t("health.noLinksHint")} />;
  const used = links.filter((link) => link.pulls.length > 0 || link.refused > 0 || link.measured_bps > 0);
  const idle = links.filter((link) => !used.includes(link));
  const sorted = [...used].sort((a, b) => shareOf(b) - shareOf(a));
  return (
    <>
      <ul class="links">
        {sorted.map((link) => (
          <LinkLine key={link.id} link={link} />
        ))}
      </ul>
      {idle.length > 0 && (
        <details class="idle-links">
          <summary>{t("health.idleLinks", { n: idle.length })}</summary>
          <ul class="links">
            {idle.map((link) => (
              <LinkLine key={link.id} link={link} />
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

/** Villages of two towns may have one name: a village is named with its town. */
function nameOf(link: Link): string {
  const region = tree.value.regions.get(link.id as RegionCode);
  if (!region) return link.name;
  return region.level === "village" ? regionPath(region.code) : regionName(region);
}

function LinkLine({ link }: { link: Link }) {
  const share = shareOf(link);
  return (
    <li>
      <div>
        <strong class="clip grow">{nameOf(link)}</strong>
        {link.refused > 0 && <span class="refused">{t("health.refused", { n: link.refused })}</span>}
        <span class="dim">{t("health.pulls", { n: link.pulls.length })}</span>
        <span>{Math.round(share * 100)} %</span>
      </div>
      <span class={share > 0.85 ? "bar some" : "bar"} aria-hidden="true">
        <i style={{ width: `${Math.min(100, share * 100)}%` }} />
      </span>
      <small class="dim">
        {t("health.linkUse", {
          measured: rate(link.measured_bps),
          reserved: rate(link.reserved_bps),
          budget: rate(link.budget_bps),
          capacity: rate(link.capacity_bps),
        })}
      </small>
    </li>
  );
}
