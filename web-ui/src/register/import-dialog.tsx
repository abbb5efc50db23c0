/** A spreadsheet into the register: how its columns were understood, every fault by row and column, then one commit. */
import { useMemo, useRef, useState } from "preact/hooks";
import { language, t, tCode } from "../i18n/t";
import { rate } from "../i18n/words";
import { FileInput } from "../ui/file-input";
import { useVirtual } from "../ui/rows";
import { Button, Dialog, Loading, problemWords, toast } from "../ui/widgets";
import { calls, exportUrl } from "./calls";
import { faultWords } from "./fault-words";
import { fieldName } from "./show";
import type { Fault, ImportOutcome } from "./types";

/** What a column may go into; the order of the form. */
const FIELDS = [
  "code",
  "name",
  "region",
  "address",
  "lon",
  "lat",
  "reference",
  "site_class",
  "location_type",
  "common_name",
  "maker",
  "model",
  "form",
  "functions",
  "ipv4",
  "ipv6",
  "mac",
  "codec",
  "fill_light",
  "network",
  "height_m",
  "heading",
  "view_angle",
  "view_distance",
  "manager",
  "contact",
  "police_unit",
  "department",
  "installed_on",
  "condition",
  "keep_days",
  "tags",
  "main_url",
  "sub_url",
  "main_kbps",
  "sub_kbps",
  "username",
  "password",
  "transport",
  "record",
  "disabled",
  "always",
  "tag",
  "zones",
] as const; // prettier-ignore
const named = (field: string): string => tCode("rf", field) ?? tCode("rf", `asset.${field}`) ?? fieldName(field);

export function ImportDialog({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const [file, setFile] = useState<File | null>(null);
  const [map, setMap] = useState<ReadonlyMap<number, string>>(new Map());
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const [told, setTold] = useState<ImportOutcome | null>(null);
  const send = async (from: File, columns: ReadonlyMap<number, string>, commit: boolean) => {
    setBusy(true);
    setError(null);
    const text = [...columns].map(([index, field]) => `${index}:${field}`).join(",");
    const answer = await calls.sheet(from, text, commit);
    setBusy(false);
    if (!answer.ok) return setError(problemWords(answer.problem));
    setTold(answer.value);
    if (answer.value.committed) {
      toast(t("imp.done", { added: answer.value.added, changed: answer.value.changed }));
      onDone();
    }
  };
  const take = (chosen: File | null | undefined) => {
    if (!chosen) return;
    setFile(chosen);
    setMap(new Map());
    setTold(null);
    void send(chosen, new Map(), false);
  };
  const remap = (index: number, field: string) => {
    const next = new Map(map).set(index, field);
    setMap(next);
    if (file) void send(file, next, false);
  };
  const errors = told?.faults.filter((fault) => fault.severity === "error").length ?? 0;
  const warnings = (told?.faults.length ?? 0) - errors;
  const count = told ? told.added + told.changed : 0;
  return (
    <Dialog wide title={t("imp.title")} onClose={onClose}>
      <div class="dialog-body reg-import">
        {!told && !busy && (
          // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- dropping is for the pointer; keys have the input
          <label
            class="reg-drop"
            onDragOver={(event) => event.preventDefault()}
            onDrop={(event) => {
              event.preventDefault();
              take(event.dataTransfer?.files[0]);
            }}
          >
            <strong>{t("imp.drop")}</strong>
            <span class="dim">{t("imp.hint")}</span>
            <FileInput name="sheet" accept=".csv,.xlsx,text/csv" onPick={(file) => take(file ?? undefined)} />
            <a href={exportUrl("export", language.value, "")} download="cameras.csv">
              {t("imp.template")}
            </a>
          </label>
        )}
        {busy && !told && <Loading />}
        {error && (
          <p class="notice bad" role="alert">
            {error}
          </p>
        )}
        {told && (
          <>
            <dl class="reg-figures" aria-busy={busy}>
              <Figure label={t("imp.rows")} value={told.rows} />
              <Figure label={t("imp.new")} value={told.added} />
              <Figure label={t("imp.different")} value={told.changed} />
              <Figure label={t("imp.same")} value={told.same} />
              <Figure label={t("imp.errors")} value={errors} bad={errors > 0} />
              <Figure label={t("imp.warnings")} value={warnings} warn={warnings > 0} />
            </dl>
            <details open={errors > 0 && told.columns.every((column) => column.field === null)}>
              <summary>
                {t("imp.columns")} · {file?.name}
              </summary>
              <div class="table-scroll reg-columns" tabIndex={0} role="region" aria-label={t("imp.columns")}>
                <table>
                  <thead>
                    <tr>
                      <th>{t("imp.heading")}</th>
                      <th>{t("imp.field")}</th>
                      <th class="wide-only">{t("imp.samples")}</th>
                    </tr>
                  </thead>
                  <tbody>
                    {told.columns.map((column) => (
                      <tr key={column.index} class={column.field ? "" : "unread"}>
                        <td>{column.heading || "—"}</td>
                        <td>
                          <select
                            aria-label={`${t("imp.field")}: ${column.heading}`}
                            value={column.field ?? "-"}
                            disabled={told.committed}
                            onChange={(event) => remap(column.index, event.currentTarget.value)}
                          >
                            <option value="-">{t("imp.unread")}</option>
                            {FIELDS.map((field) => (
                              <option key={field} value={field}>
                                {named(field)}
                              </option>
                            ))}
                          </select>
                        </td>
                        <td class="dim wide-only">{column.samples.join(" · ")}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            </details>
            <FaultList faults={told.faults} />
            {told.recording.bps > (told.recording.budget_bps ?? Number.POSITIVE_INFINITY) && (
              <p class="notice warn">
                {t("imp.tooMuch", {
                  n: told.recording.cameras,
                  rate: rate(told.recording.bps),
                  budget: rate(told.recording.budget_bps ?? 0),
                })}
              </p>
            )}
            <p class={errors > 0 ? "notice bad" : "notice"} role="status">
              {told.committed
                ? t("imp.done", { added: told.added, changed: told.changed })
                : errors > 0
                  ? t("imp.refused")
                  : count === 0
                    ? t("imp.nothing")
                    : t("imp.ready")}
            </p>
            <div class="actions">
              <Button
                label={t("imp.another")}
                onClick={() => {
                  setTold(null);
                  setFile(null);
                }}
              />
              {told.committed ? (
                <Button tone="accent" label={t("app.close")} onClick={onClose} />
              ) : (
                <Button
                  tone="accent"
                  icon="check"
                  class="reg-commit"
                  label={t("imp.commit", { n: count })}
                  disabled={busy || errors > 0 || count === 0}
                  onClick={() => file && void send(file, map, true)}
                />
              )}
            </div>
          </>
        )}
      </div>
    </Dialog>
  );
}

function Figure({
  label,
  value,
  bad = false,
  warn = false,
}: {
  label: string;
  value: number;
  bad?: boolean;
  warn?: boolean;
}) {
  return (
    <div class={bad ? "bad" : warn ? "warn" : ""}>
      <dt>{label}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function FaultList({ faults }: { faults: readonly Fault[] }) {
  const [onlyErrors, setOnlyErrors] = useState(false);
  const scroller = useRef<HTMLDivElement>(null);
  const rows = useMemo(
    () => (onlyErrors ? faults.filter((fault) => fault.severity === "error") : faults),
    [faults, onlyErrors],
  );
  // On a phone what exactly is wrong stands on a line of its own.
  const items = useVirtual(scroller, rows.length, matchMedia("(max-width: 720px)").matches ? 3.75 : 2.25);
  if (faults.length === 0) return <p class="dim">{t("imp.noFaults")}</p>;
  return (
    <>
      <div class="reg-side-head">
        <h3>
          {t("imp.faults")} ({rows.length})
        </h3>
        <label class="check">
          <input
            type="checkbox"
            checked={onlyErrors}
            onChange={(event) => setOnlyErrors(event.currentTarget.checked)}
          />
          {t("imp.onlyErrors")}
        </label>
      </div>
      <div class="scroll reg-faults" ref={scroller} tabIndex={0} role="region" aria-label={t("imp.faults")}>
        <div style={{ height: `${items.total}px`, position: "relative" }}>
          {items.list.map((item) => {
            const fault = rows[item.index];
            if (!fault) return null;
            const words = faultWords(fault);
            return (
              <div
                key={item.index}
                class={`reg-fault ${fault.severity}`}
                title={words}
                style={{ transform: `translateY(${item.start}px)` }}
              >
                <span>{t(`imp.severity.${fault.severity}`)}</span>
                <span>
                  {t("imp.row")} {fault.row}
                </span>
                <span class="clip">{fault.column}</span>
                <strong class="clip">{tCode("fault", fault.kind) ?? fault.kind}</strong>
                <span class="dim reg-exactly">{words}</span>
              </div>
            );
          })}
        </div>
      </div>
    </>
  );
}
