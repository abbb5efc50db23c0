/** Evidence packages: how far each is, what became of it, and how whoever gets it verifies it. */
import { useEffect, useRef, useState } from "preact/hooks";
import { archive } from "../api/archive";
import { serverNow, user } from "../api/store";
import type { EvidenceJob, SigningKey } from "../domain/evidence";
import { type CameraCode, toRfc3339 } from "../domain/ids";
import type { Reason } from "../domain/reason";
import type { Storage } from "../domain/storage";
import { t, tCode } from "../i18n/t";
import { bytes, dayClock, lengthWords, percentWords, shortTime } from "../i18n/words";
import { isOver } from "../playback/job-chip";
import { where } from "../ui/router";
import { Button, Dialog, Empty, toast, toastProblem } from "../ui/widgets";
import { Read, useRead } from "./parts";

const BUSY_MS = 1000;
const CALM_MS = 10_000;

export function EvidenceTab() {
  const [busy, setBusy] = useState(false);
  const { value: jobs, error, again } = useRead(() => archive.evidence(200), busy ? BUSY_MS : CALM_MS, []);
  const [storage, setStorage] = useState<Storage | null>(null);
  const [key, setKey] = useState<SigningKey | null>(null);
  const [deleting, setDeleting] = useState<EvidenceJob | null>(null);
  const wanted = where.value.search.get("job");
  const handling = user.value?.role === "administrator" || user.value?.role === "operator";
  const active = (jobs ?? []).filter((job) => !isOver(job)).length;
  useEffect(() => setBusy(active > 0), [active]);
  useEffect(() => {
    void archive.storage().then((answer) => answer.ok && setStorage(answer.value));
    void archive.signingKey().then((answer) => answer.ok && setKey(answer.value));
  }, [active]);

  const cancel = async (job: EvidenceJob) => {
    const answer = await archive.cancelEvidence(job.id);
    if (!answer.ok) toastProblem(answer.problem);
    again();
  };
  return (
    <div class="evidence-tab">
      <div class="evidence-jobs">
        <Read error={error} there={jobs !== null} />
        {jobs?.length === 0 && (
          <div class="card">
            <Empty icon="packageCheck" title={t("evidence.none")} hint={t("evidence.noneHint")} />
          </div>
        )}
        <ul class="job-list">
          {jobs?.map((job) => (
            <Job
              key={job.id}
              job={job}
              wanted={job.id === wanted}
              handling={handling}
              onCancel={() => void cancel(job)}
              onDelete={() => setDeleting(job)}
            />
          ))}
        </ul>
      </div>
      <aside class="evidence-aside">
        {storage && (
          <section class="card padded">
            <p>
              {t("evidence.room", {
                used: bytes(storage.evidence.used_bytes),
                room: bytes(storage.evidence.room_bytes),
              })}
            </p>
            <span class="bar" aria-hidden="true">
              <i style={{ width: `${share(storage) * 100}%` }} />
            </span>
          </section>
        )}
        <section class="card padded verify">
          <h2>{t("evidence.verify")}</h2>
          <p class="dim">{t("evidence.verifyLead")}</p>
          <Copyable text={`sightline verify PACKAGE.zip --key ${key?.key ?? "KEY"}`} />
          {key && (
            <>
              <h3>{t("evidence.verifyKey")}</h3>
              <Copyable text={key.key} />
              <h3>{t("evidence.fingerprint")}</h3>
              <Copyable text={key.fingerprint} />
            </>
          )}
          <p class="dim small">{t("evidence.verifyKeyHint")}</p>
        </section>
      </aside>
      {deleting && (
        <Dialog title={t("evidence.delete")} onClose={() => setDeleting(null)}>
          <div class="dialog-body">
            <p>{deleting.package?.name}</p>
            <p class="dim">{t("evidence.deleteAsk")}</p>
            <div class="actions">
              <Button label={t("app.cancel")} onClick={() => setDeleting(null)} />
              <Button
                icon="trash"
                tone="danger"
                label={t("evidence.delete")}
                onClick={() => {
                  void archive.deleteEvidence(deleting.id).then((answer) => {
                    if (!answer.ok) toastProblem(answer.problem);
                    setDeleting(null);
                    again();
                  });
                }}
              />
            </div>
          </div>
        </Dialog>
      )}
    </div>
  );
}

const share = ({ evidence }: Storage): number =>
  evidence.room_bytes > 0 ? Math.min(1, evidence.used_bytes / evidence.room_bytes) : 0;

/** By what it did since it began; nothing is said of the first second. */
export function leftMs(job: EvidenceJob, now: number): number | null {
  const { share } = job.progress;
  const begun = job.started ? Date.parse(job.started) : Number.NaN;
  if (job.state !== "running" || !(share > 0.02) || !(now - begun > 1000)) return null;
  return ((now - begun) * (1 - share)) / share;
}

function Job({
  job,
  wanted,
  handling,
  onCancel,
  onDelete,
}: {
  job: EvidenceJob;
  wanted: boolean;
  handling: boolean;
  onCancel: () => void;
  onDelete: () => void;
}) {
  const item = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (wanted) item.current?.scrollIntoView({ block: "nearest" });
  }, [wanted]);
  const left = leftMs(job, serverNow());
  const codes: readonly CameraCode[] = job.cameras.map((one) => one.camera);
  const names = job.cameras.map((one) => one.name).join(", ");
  const back = `/playback?c=${codes.slice(0, 9).join()}&t=${toRfc3339(Date.parse(job.from))}`;
  const { done, total } = { done: job.progress.bytes_done, total: job.progress.bytes_total };
  return (
    <li ref={item} class={`card job ${wanted ? "wanted" : ""}`} data-state={job.state} data-job={job.id}>
      <div class="job-main">
        <div class="job-head">
          <strong class={`job-state ${job.state}`}>{t(`evidence.state.${job.state}`)}</strong>
          <span class="grow job-names" title={names}>
            {names}
          </span>
        </div>
        <p>
          <a href={back}>
            {dayClock(Date.parse(job.from))} – {dayClock(Date.parse(job.to))}
          </a>{" "}
          <span class="dim">({lengthWords(Date.parse(job.to) - Date.parse(job.from))})</span>
        </p>
        <p class="job-reason">{job.reason}</p>
        <p class="dim small">
          {t("evidence.by")} {job.by} · {shortTime(job.created)}
          {job.incident && ` · ${t("evidence.incident")} ${job.incident}`}
        </p>
        {!isOver(job) && (
          <div class="job-progress">
            <progress
              aria-label={t(`evidence.state.${job.state}`)}
              value={job.state === "queued" ? 0 : job.progress.share}
              max={1}
            />
            <span>{percentWords(job.progress.share, 0)}</span>
            {total > 0 && <span class="dim">{t("evidence.progress", { done: bytes(done), total: bytes(total) })}</span>}
            {left !== null && <span class="dim">{t("evidence.left", { time: lengthWords(left) })}</span>}
          </div>
        )}
        {job.error && <p class="warn-words">{failureWords(job.error)}</p>}
        {job.package && job.state === "done" && (
          <details>
            <summary>{t("evidence.details")}</summary>
            <dl class="pairs">
              <dt>{t("evidence.title")}</dt>
              <dd>{job.package.name}</dd>
              <dt>{t("evidence.manifest")}</dt>
              <dd>
                <code>{job.package.manifest_sha256}</code>
              </dd>
            </dl>
          </details>
        )}
      </div>
      <div class="job-actions">
        {job.package && job.state === "done" && (
          <>
            {handling && (
              <a class="button accent" href={job.package.url} download={job.package.name}>
                {t("evidence.download")} ({bytes(job.package.bytes)})
              </a>
            )}
            <small class="dim">{t("evidence.expires", { time: shortTime(job.package.expires) })}</small>
            {handling && <Button icon="trash" label={t("evidence.delete")} hideLabel onClick={onDelete} />}
          </>
        )}
        {!isOver(job) && handling && <Button icon="x" label={t("evidence.cancel")} onClick={onCancel} />}
      </div>
    </li>
  );
}

function Copyable({ text }: { text: string }) {
  return (
    <div class="copyable">
      <code tabIndex={0}>{text}</code>
      <Button
        icon="copy"
        label={t("evidence.copy")}
        hideLabel
        onClick={() => {
          // Withheld on plain HTTP: the text can be marked by hand there.
          void navigator.clipboard?.writeText(text).then(() => toast(t("evidence.copied")));
        }}
      />
    </div>
  );
}

/** What the disk said is worth more in English than not at all; of the others our own words say all. */
export function failureWords({ code, text }: Reason): string {
  const own = tCode("evidence.error", code) ?? code;
  return code === "room" || code === "no-recording" || !text ? own : t("problem.english", { own, detail: text });
}
