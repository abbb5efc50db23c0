/** A package that was asked for here: how far it is, and then where it is. */
import { useEffect, useState } from "preact/hooks";
import { archive } from "../api/archive";
import type { EvidenceJob } from "../domain/evidence";
import { t } from "../i18n/t";
import { percentWords } from "../i18n/words";
import { Button } from "../ui/widgets";

const LOOK_MS = 1000;
export const isOver = (job: EvidenceJob): boolean => job.state !== "queued" && job.state !== "running";

export function JobChip({ id, onClose }: { id: string; onClose: () => void }) {
  const [job, setJob] = useState<EvidenceJob | null>(null);
  const over = job !== null && isOver(job);
  useEffect(() => {
    if (over) return;
    const read = async () => {
      const answer = await archive.evidenceJob(id);
      if (answer.ok) setJob(answer.value);
    };
    void read();
    const timer = setInterval(() => void read(), LOOK_MS);
    return () => clearInterval(timer);
  }, [over]);
  return (
    <span class="job-chip" role="status" data-state={job?.state}>
      <a href={`/recordings?tab=evidence&job=${id}`}>{t("evidence.title")}</a>
      <span>{job ? t(`evidence.state.${job.state}`) : "…"}</span>
      {job?.state === "running" && <span>{percentWords(job.progress.share, 0)}</span>}
      {job?.package && job.state === "done" && (
        <a class="button" href={job.package.url} download={job.package.name}>
          {t("evidence.download")}
        </a>
      )}
      <Button icon="x" label={t("app.close")} hideLabel onClick={onClose} />
    </span>
  );
}
