/** The disks: which they are, how they are, how long they last; and what was deleted by which rule. */
import { useEffect, useRef, useState } from "preact/hooks";
import { archive } from "../api/archive";
import { api } from "../api/client";
import { cameras, user } from "../api/store";
import type { SightEvent } from "../domain/event";
import type { AuditEntry } from "../domain/gateway";
import type { CameraCode } from "../domain/ids";
import type { Kept, Retention, Storage, Volume } from "../domain/storage";
import { t, tCode } from "../i18n/t";
import { bytes, dayClock, eventWords, rate, reasonWords, shortTime } from "../i18n/words";
import { Icon } from "../ui/icon";
import { Button, Empty } from "../ui/widgets";
import { FreeTargetStat } from "./free-target";
import { Read, Stat, useRead } from "./parts";
import { daysWords } from "./plan-form";
import { freeRate, type Sample } from "./storage-logic";

const LOOK_MS = 5000;

export function StorageTab() {
  const { value: storage, error, again } = useRead(archive.storage, LOOK_MS, []);
  const { value: kept, again: keptAgain } = useRead(() => archive.retention(null), 60_000, []);
  const samples = useRef(new Map<number, Sample[]>());
  useEffect(() => {
    for (const volume of storage?.volumes ?? []) {
      const list = samples.current.get(volume.number) ?? [];
      samples.current.set(volume.number, [...list.slice(-60), { at: performance.now(), free: volume.free_bytes }]);
    }
  }, [storage]);
  if (!storage) return <Read error={error} there={false} />;
  const total = storage.volumes.reduce((sum, one) => sum + one.total_bytes, 0);
  return (
    <>
      {error && <Read error={error} there />}
      {storage.room === "short" && (
        <p class="notice bad" role="alert">
          <Icon name="triangleAlert" />
          {t("storage.short", { bytes: bytes(storage.lacking_bytes) })}
        </p>
      )}
      {storage.rebuilding && <Rebuilding {...storage.rebuilding} />}
      <dl class="stats">
        <Stat label={t("storage.used")} value={bytes(storage.used_bytes)} />
        <Stat
          label={t("storage.free")}
          value={bytes(storage.free_bytes)}
          hint={total > 0 ? `${Math.round((storage.free_bytes / total) * 100)} %` : undefined}
          warn={storage.room === "short"}
        />
        <FreeTargetStat
          storage={storage}
          onSet={() => {
            again();
            keptAgain();
          }}
        />
        {kept && (
          <Stat
            label={t("storage.perDay")}
            value={rate((kept.bytes_per_day * 8) / 86_400)}
            hint={t("storage.perDayHint", { day: bytes(kept.bytes_per_day) })}
          />
        )}
        <Stat label={t("storage.recording")} value={`${storage.recording} / ${storage.recorded_cameras}`} />
        <Stat label={t("storage.holds")} value={<a href="/recordings?tab=holds">{storage.holds}</a>} />
        <Stat
          label={t("storage.evidence")}
          value={bytes(storage.evidence.used_bytes)}
          hint={t("storage.evidenceHint", { room: bytes(storage.evidence.room_bytes) })}
        />
      </dl>
      <div class="storage-grid">
        <section class="card">
          <header>
            <h2>{t("storage.volumes")}</h2>
            <span class="dim">
              {t("storage.policy")}: {t(`storage.policy.${storage.policy}`)}
            </span>
          </header>
          <ul class="volumes">
            {storage.volumes.map((volume) => (
              <VolumeLine
                key={volume.number}
                volume={volume}
                keepFree={storage.keep_free_bytes}
                growth={freeRate(samples.current.get(volume.number) ?? [])}
              />
            ))}
          </ul>
        </section>
        <section class="card">
          <header>
            <h2>{t("storage.forecast")}</h2>
          </header>
          {kept && <Forecast kept={kept} storage={storage} />}
        </section>
        <Alarms />
        <Deleted />
      </div>
    </>
  );
}

function Rebuilding({ done, of, segments }: { done: number; of: number; segments: number }) {
  return (
    <div class="notice warn rebuilding" role="status">
      <strong>{t("storage.rebuilding")}</strong>
      <progress aria-label={t("storage.rebuilding")} value={done} max={Math.max(1, of)} />
      <span>{t("storage.rebuildingHint", { done, of, segments })}</span>
    </div>
  );
}

function VolumeLine({ volume, keepFree, growth }: { volume: Volume; keepFree: number; growth: number | null }) {
  const used = volume.total_bytes - volume.free_bytes;
  const share = volume.total_bytes > 0 ? used / volume.total_bytes : 0;
  const low = volume.state === "in" && volume.takes && volume.free_bytes < keepFree;
  return (
    <li data-volume={volume.number} data-state={volume.state}>
      <div class="volume-head">
        <Icon name="hardDrive" />
        <strong>{t("storage.volume", { n: volume.number })}</strong>
        <code class="clip grow" title={volume.path}>
          {volume.path}
        </code>
        <span class={`volume-state ${volume.state}`}>{t(`storage.state.${volume.state}`)}</span>
      </div>
      {!volume.takes && <p class="dim">{t("storage.readOnly")}</p>}
      {volume.since && (
        <p class="warn-words">
          {t("storage.since", { time: shortTime(volume.since), reason: reasonWords(volume.reason) })}
          {volume.reason?.text && <small class="dim block">{volume.reason.text}</small>}
        </p>
      )}
      {volume.state !== "missing" && (
        <>
          <span class={low ? "bar some" : "bar"} aria-hidden="true">
            <i style={{ width: `${share * 100}%` }} />
          </span>
          <p class="dim">
            {t("storage.fill", {
              used: bytes(used),
              total: bytes(volume.total_bytes),
              free: bytes(volume.free_bytes),
            })}
            {" · "}
            {t("storage.writing", { n: volume.writing })}
            {growth !== null &&
              ` · ${t("storage.growth", { rate: `${growth < 0 ? "−" : "+"}${bytes(Math.abs(growth))}/s` })}`}
          </p>
        </>
      )}
      <p class="dim small">
        {t("storage.identity")}: <code>{volume.id ?? t("storage.noIdentity")}</code>
      </p>
    </li>
  );
}

function Forecast({ kept, storage }: { kept: Retention; storage: Storage }) {
  const groups = new Map<string, Kept[]>();
  for (const one of kept.cameras) {
    if (one.bytes_per_day === 0) continue;
    const key = `${one.site_class}/${one.kept_days}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  const list = [...groups.values()].sort((a, b) => (b[0]?.kept_days ?? 0) - (a[0]?.kept_days ?? 0));
  const most = Math.max(1, kept.fits_days ?? 0, ...list.map((one) => one[0]?.kept_days ?? 0));
  if (list.length === 0) return <Empty icon="gauge" title={t("complete.none")} hint={t("complete.noneHint")} />;
  return (
    <div class="forecast">
      <p>
        {t("recplan.fits")} <strong>{fitWords(kept.fits_days)}</strong>{" "}
        <span class="dim">
          {t("recplan.targetHint", {
            least: bytes(storage.free_target.least_bytes),
            target: bytes(storage.free_target.bytes),
          })}
        </span>
      </p>
      <ul>
        {list.map((group) => {
          const [first] = group;
          if (!first) return null;
          const short = kept.fits_days !== null && kept.fits_days < first.kept_days;
          return (
            <li key={`${first.site_class}/${first.kept_days}`}>
              <span class={short ? "warn-words" : ""}>
                {t("storage.forecastLine", {
                  class: tCode("siteClass", first.site_class) ?? t("storage.classOther"),
                  n: group.length,
                  days: first.kept_days,
                  fits: fitWords(kept.fits_days),
                })}
              </span>
              <span class={short ? "bar some" : "bar"} aria-hidden="true">
                <i style={{ width: `${Math.min(1, (kept.fits_days ?? most) / most) * 100}%` }} />
                <b style={{ left: `${(first.kept_days / most) * 100}%` }} />
              </span>
            </li>
          );
        })}
      </ul>
    </div>
  );
}
function fitWords(days: number | null): string {
  const words = daysWords(days);
  return /\d/.test(words) ? t("recplan.fitsDays", { n: words }) : words;
}

const ALARM_KINDS = ["disk", "recording-stopped", "recording-back"] as const;
function Alarms() {
  const [events, setEvents] = useState<readonly SightEvent[] | null>(null);
  useEffect(() => {
    const read = async () => {
      const answers = await Promise.all(ALARM_KINDS.map((kind) => api.events({ kind, state: "all", limit: 20 })));
      const all = answers.flatMap((answer) => (answer.ok ? answer.value.events : []));
      setEvents(all.sort((a, b) => Date.parse(b.start) - Date.parse(a.start)).slice(0, 20));
    };
    void read();
    const timer = setInterval(() => void read(), 15_000);
    return () => clearInterval(timer);
  }, []);
  return (
    <section class="card">
      <header>
        <h2>{t("storage.alarms")}</h2>
      </header>
      {events?.length === 0 && <Empty icon="check" title={t("storage.noAlarms")} />}
      <ul class="lines">
        {events?.map((event) => (
          <li key={event.id}>
            <span class="nowrap dim">{shortTime(event.start)}</span>
            <strong class="nowrap">{eventWords(event.kind)}</strong>
            <span class="clip grow" title={event.text ?? ""}>
              {event.camera_name ?? ""} {event.text ?? ""}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** What retention deleted, as the audit log has it. */
function Deleted() {
  const may = user.value?.role === "administrator" || user.value?.role === "auditor";
  const [entries, setEntries] = useState<readonly AuditEntry[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const read = async (before: string | null) => {
    const answer = await api.audit({
      user: "retention",
      action: "recording-deleted",
      limit: 20,
      ...(before ? { before } : {}),
    });
    if (!answer.ok) return;
    setEntries((old) => (before ? [...(old ?? []), ...answer.value.entries] : answer.value.entries));
    setNext(answer.value.next);
  };
  useEffect(() => {
    if (may) void read(null);
  }, []);
  return (
    <section class="card">
      <header>
        <h2>{t("storage.deleted")}</h2>
      </header>
      {!may && <p class="dim padded">{t("storage.auditOnly")}</p>}
      {entries?.length === 0 && <Empty icon="trash" title={t("storage.deletedNone")} />}
      {entries && entries.length > 0 && (
        <div class="table-scroll" tabIndex={0} role="region" aria-label={t("storage.deleted")}>
          <table>
            <thead>
              <tr>
                <th>{t("storage.deletedAt")}</th>
                <th>{t("recplan.camera")}</th>
                <th>{t("storage.deletedRule")}</th>
                <th>{t("storage.deletedWhat")}</th>
              </tr>
            </thead>
            <tbody>
              {entries.map((entry) => (
                <tr key={entry.sequence}>
                  <td class="nowrap dim">{dayClock(Date.parse(entry.at))}</td>
                  <td>{cameras.value.get((entry.object ?? "") as CameraCode)?.name ?? entry.object}</td>
                  <td>{entry.reason}</td>
                  <td class="dim">{entry.detail}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {next && (
        <div class="actions padded">
          <Button label={t("app.loadMore")} onClick={() => void read(next)} />
        </div>
      )}
    </section>
  );
}
