/** What is done with a range: an MP4 of one camera, an evidence package of several, a hold. Each asks why. */
import "./range-dialogs.css";
import { useEffect, useState } from "preact/hooks";
import { archive } from "../api/archive";
import { hlsUrl, recordingUrl } from "../api/client";
import { cameras, openIncidents, serverNow } from "../api/store";
import type { EvidenceJob, HoldKind } from "../domain/evidence";
import { type CameraCode, toRfc3339 } from "../domain/ids";
import { t } from "../i18n/t";
import { bytes, lengthWords, percentWords } from "../i18n/words";
import { Button, Choice, Dialog, Field, problemWords, toast } from "../ui/widgets";
import { localInput, readLocal } from "./local-time";
import { copyLink } from "./place";
import { contentOf } from "./timeline-data";
import { amount } from "./timeline-look";
import type { Window } from "./timeline-math";

export type RangeAction = "export" | "evidence" | "hold";

interface Props {
  readonly codes: readonly CameraCode[];
  readonly selection: Window;
  readonly onClose: () => void;
}

export function RangeDialogs({
  action,
  onHeld,
  onJob,
  ...rest
}: Props & { action: RangeAction; onHeld: () => void; onJob: (job: EvidenceJob) => void }) {
  if (action === "export") return <ExportDialog {...rest} />;
  if (action === "hold") return <HoldDialog {...rest} onHeld={onHeld} />;
  return <EvidenceDialog {...rest} onJob={onJob} />;
}

const nameOf = (code: CameraCode): string => cameras.value.get(code)?.name ?? code;

interface Amount {
  readonly bytes: number;
  readonly recordedMs: number;
}
/** How much there is of each camera in a range: asked to the frame, since somebody is about to have it. */
function useAmounts(codes: readonly CameraCode[], range: Window | null): ReadonlyMap<CameraCode, Amount> {
  const [found, setFound] = useState<ReadonlyMap<CameraCode, Amount>>(new Map());
  useEffect(() => {
    if (!range) return;
    const abort = new AbortController();
    const wait = setTimeout(() => {
      for (const code of codes) {
        void archive.timeline(code, toRfc3339(range.from), toRfc3339(range.to), null, abort.signal).then((answer) => {
          if (!answer.ok || abort.signal.aborted) return;
          const sum = amount([{ ...range, content: contentOf(answer.value) }], range);
          setFound((old) => new Map(old).set(code, sum));
        });
      }
    }, 200);
    return () => {
      clearTimeout(wait);
      abort.abort();
    };
  }, [codes.join(), range?.from, range?.to]);
  return found;
}

/** The range, to be set right by hand. */
function RangeFields({ range, onChange }: { range: Edited; onChange: (range: Edited) => void }) {
  return (
    <div class="range-fields">
      {(["from", "to"] as const).map((end) => (
        <Field
          key={end}
          label={t(`range.${end}`)}
          error={end === "to" && !windowOf(range) ? t("range.bad") : undefined}
        >
          <input
            type="datetime-local"
            step={1}
            required
            value={range[end]}
            onInput={(event) => onChange({ ...range, [end]: event.currentTarget.value })}
          />
        </Field>
      ))}
    </div>
  );
}
interface Edited {
  readonly from: string;
  readonly to: string;
}
const edited = (range: Window): Edited => ({ from: localInput(range.from), to: localInput(range.to) });
/** What was marked keeps its milliseconds until somebody changes the second. */
export function windowOf(range: Edited, marked?: Window): Window | null {
  const [from, to] = [readLocal(range.from), readLocal(range.to)];
  if (from === null || to === null) return null;
  const same = (end: "from" | "to", ms: number) =>
    marked && range[end] === localInput(marked[end]) ? marked[end] : ms;
  const made = { from: same("from", from), to: same("to", to) };
  return made.to > made.from ? made : null;
}

/** Cameras of the page, each with how much there is of it. */
function CameraChoice({
  codes,
  chosen,
  amounts,
  range,
  onChange,
}: {
  codes: readonly CameraCode[];
  chosen: ReadonlySet<CameraCode>;
  amounts: ReadonlyMap<CameraCode, Amount>;
  range: Window | null;
  onChange: (chosen: ReadonlySet<CameraCode>) => void;
}) {
  return (
    <fieldset class="camera-choice">
      <legend>{t("range.cameras")}</legend>
      {codes.map((code) => {
        const sum = amounts.get(code);
        const share = sum && range ? sum.recordedMs / (range.to - range.from) : null;
        return (
          <label key={code} class="check">
            <input
              type="checkbox"
              checked={chosen.has(code)}
              disabled={codes.length === 1}
              onChange={() => {
                const next = new Set(chosen);
                if (!next.delete(code)) next.add(code);
                onChange(next);
              }}
            />
            <span class="clip grow">{nameOf(code)}</span>
            <span class={sum && sum.bytes === 0 ? "warn-words" : "dim"}>
              {sum === undefined
                ? "…"
                : sum.bytes === 0
                  ? t("range.nothing")
                  : `${bytes(sum.bytes)} · ${percentWords(share === null ? null : Math.min(1, share), 0)}`}
            </span>
          </label>
        );
      })}
    </fieldset>
  );
}

function ExportDialog({ codes, selection, onClose }: Props) {
  const [code, setCode] = useState(codes[0]);
  const [reason, setReason] = useState("");
  const [range, setRange] = useState(edited(selection));
  const wanted = windowOf(range, selection);
  const amounts = useAmounts(codes, wanted);
  const sum = code ? amounts.get(code) : undefined;
  const submit = (event: Event) => {
    event.preventDefault();
    if (!code || !wanted) return;
    const link = document.createElement("a");
    link.href = recordingUrl(code, toRfc3339(wanted.from), toRfc3339(wanted.to), reason.trim());
    link.download = `${nameOf(code)}-${toRfc3339(wanted.from).replaceAll(/[:.]/g, "-")}.mp4`;
    link.click();
    onClose();
  };
  return (
    <Dialog title={t("playback.exportTitle")} onClose={onClose}>
      <form class="dialog-body" onSubmit={submit}>
        {codes.length > 1 ? (
          <Field label={t("range.camera")}>
            <select value={code ?? ""} onChange={(event) => setCode(event.currentTarget.value as CameraCode)}>
              {codes.map((one) => (
                <option key={one} value={one}>
                  {nameOf(one)}
                </option>
              ))}
            </select>
          </Field>
        ) : (
          <p class="dim">{code && nameOf(code)}</p>
        )}
        <RangeFields range={range} onChange={setRange} />
        <p class="sum" role="status">
          {wanted && lengthWords(wanted.to - wanted.from)}
          {" · "}
          {sum === undefined
            ? t("range.sizeUnknown")
            : sum.bytes === 0
              ? t("range.nothing")
              : t("range.size", { size: bytes(sum.bytes) })}
        </p>
        <Field label={t("playback.exportReason")}>
          <input
            required
            autofocus
            maxLength={200}
            value={reason}
            onInput={(event) => setReason(event.currentTarget.value)}
          />
        </Field>
        <p class="hls">
          <Button
            icon="link"
            label={t("range.hls")}
            disabled={!code || !wanted || sum?.bytes === 0}
            onClick={() =>
              code &&
              wanted &&
              void copyLink(hlsUrl(code, toRfc3339(wanted.from), toRfc3339(wanted.to), reason.trim() || undefined))
            }
          />
          <span class="dim">{t("range.hlsHint")}</span>
        </p>
        <div class="actions">
          <Button label={t("app.cancel")} onClick={onClose} />
          <Button
            type="submit"
            icon="download"
            tone="accent"
            label={t("playback.exportGo")}
            disabled={!wanted || sum?.bytes === 0}
          />
        </div>
      </form>
    </Dialog>
  );
}

function EvidenceDialog({ codes, selection, onClose, onJob }: Props & { onJob: (job: EvidenceJob) => void }) {
  const [chosen, setChosen] = useState<ReadonlySet<CameraCode>>(new Set(codes));
  const [reason, setReason] = useState("");
  const [incident, setIncident] = useState("");
  const [range, setRange] = useState(edited(selection));
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const wanted = windowOf(range, selection);
  const amounts = useAmounts(codes, wanted);
  const sums = codes.filter((code) => chosen.has(code)).map((code) => amounts.get(code));
  const known = sums.every((sum) => sum !== undefined);
  const total = sums.reduce((all, sum) => all + (sum?.bytes ?? 0), 0);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (!wanted) return;
    setBusy(true);
    const answer = await archive.askEvidence({
      cameras: codes.filter((code) => chosen.has(code)),
      from: toRfc3339(wanted.from),
      to: toRfc3339(wanted.to),
      reason: reason.trim(),
      incident: incident || null,
    });
    setBusy(false);
    if (!answer.ok) return setError(problemWords(answer.problem));
    toast(t("evidence.asked"));
    onJob(answer.value);
    onClose();
  };
  return (
    <Dialog title={t("evidence.make")} onClose={onClose}>
      <form class="dialog-body evidence-form" onSubmit={(event) => void submit(event)}>
        <p class="dim">{t("evidence.lead")}</p>
        <RangeFields range={range} onChange={setRange} />
        <CameraChoice codes={codes} chosen={chosen} amounts={amounts} range={wanted} onChange={setChosen} />
        <p class="sum" role="status">
          {wanted && lengthWords(wanted.to - wanted.from)}
          {" · "}
          {known
            ? total === 0
              ? t("range.nothing")
              : t("range.total", { size: bytes(total) })
            : t("range.sizeUnknown")}
        </p>
        <Field label={t("evidence.reason")} hint={t("evidence.reasonHint")}>
          <textarea
            required
            autofocus
            maxLength={2000}
            rows={2}
            value={reason}
            onInput={(event) => setReason(event.currentTarget.value)}
          />
        </Field>
        {openIncidents.value.length > 0 && (
          <Field label={t("evidence.incident")}>
            <select value={incident} onChange={(event) => setIncident(event.currentTarget.value)}>
              <option value="">{t("evidence.noIncident")}</option>
              {openIncidents.value.map((one) => (
                <option key={one.id} value={one.number}>
                  {one.number} {one.title}
                </option>
              ))}
            </select>
          </Field>
        )}
        {error && (
          <p class="notice bad" role="alert">
            {error}
          </p>
        )}
        <div class="actions">
          <Button label={t("app.cancel")} onClick={onClose} />
          <Button
            type="submit"
            icon="packageCheck"
            tone="accent"
            label={t("evidence.go")}
            disabled={busy || !wanted || chosen.size === 0 || !reason.trim() || (known && total === 0)}
          />
        </div>
      </form>
    </Dialog>
  );
}

const DAY = 86_400_000;
const LENGTHS = [30, 90, 180, 365] as const;
export type Length = `${(typeof LENGTHS)[number]}` | "date" | "ever";

/** Until when: so many days, a date, or until somebody releases it. `null` is no end; `undefined` is not said yet. */
export function UntilFields({
  length,
  date,
  onLength,
  onDate,
}: {
  length: Length;
  date: string;
  onLength: (length: Length) => void;
  onDate: (date: string) => void;
}) {
  const options: (readonly [Length, string])[] = [
    ...LENGTHS.map((days) => [`${days}` as Length, t("hold.days", { n: days })] as const),
    ["date", t("hold.date")],
    ["ever", t("hold.forever")],
  ];
  return (
    <div class="field">
      <span>{t("hold.untilField")}</span>
      <Choice label={t("hold.untilField")} value={length} options={options} onPick={onLength} />
      {length === "date" && (
        <input
          type="date"
          required
          aria-label={t("hold.date")}
          value={date}
          min={localInput(serverNow() + DAY).slice(0, 10)}
          onInput={(event) => onDate(event.currentTarget.value)}
        />
      )}
    </div>
  );
}
export function untilOf(length: Length, date: string, now: number): string | null | undefined {
  if (length === "ever") return null;
  if (length !== "date") return toRfc3339(now + Number(length) * DAY);
  // To the end of that day.
  const end = readLocal(`${date}T23:59:59`);
  return end === null ? undefined : toRfc3339(end);
}

export function HoldDialog({ codes, selection, onClose, onHeld }: Props & { onHeld: () => void }) {
  const [chosen, setChosen] = useState<ReadonlySet<CameraCode>>(new Set(codes));
  const [kind, setKind] = useState<HoldKind>("evidence");
  const [reason, setReason] = useState("");
  const [length, setLength] = useState<Length>("90");
  const [date, setDate] = useState("");
  const [range, setRange] = useState(edited(selection));
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const wanted = windowOf(range, selection);
  const amounts = useAmounts(codes, wanted);
  const until = untilOf(length, date, serverNow());
  const submit = async (event: Event) => {
    event.preventDefault();
    if (!wanted || until === undefined) return;
    setBusy(true);
    const answer = await archive.hold({
      kind,
      cameras: codes.filter((code) => chosen.has(code)),
      from: toRfc3339(wanted.from),
      to: toRfc3339(wanted.to),
      reason: reason.trim(),
      until,
    });
    setBusy(false);
    if (!answer.ok) return setError(problemWords(answer.problem));
    toast(t("hold.done"));
    onHeld();
    onClose();
  };
  return (
    <Dialog title={t("hold.make")} onClose={onClose}>
      <form class="dialog-body hold-form" onSubmit={(event) => void submit(event)}>
        <p class="dim">{t("hold.lead")}</p>
        <RangeFields range={range} onChange={setRange} />
        <CameraChoice codes={codes} chosen={chosen} amounts={amounts} range={wanted} onChange={setChosen} />
        <div class="field">
          <span>{t("hold.kind")}</span>
          <Choice
            label={t("hold.kind")}
            value={kind}
            options={(["evidence", "legal"] as const).map((one) => [one, t(`hold.kind.${one}`)] as const)}
            onPick={setKind}
          />
          <small>{t("hold.kindHint")}</small>
        </div>
        <UntilFields length={length} date={date} onLength={setLength} onDate={setDate} />
        <Field label={t("hold.reason")}>
          <textarea
            required
            autofocus
            maxLength={2000}
            rows={2}
            value={reason}
            onInput={(event) => setReason(event.currentTarget.value)}
          />
        </Field>
        {error && (
          <p class="notice bad" role="alert">
            {error}
          </p>
        )}
        <div class="actions">
          <Button label={t("app.cancel")} onClick={onClose} />
          <Button
            type="submit"
            icon="lock"
            tone="accent"
            label={t("hold.go")}
            disabled={busy || !wanted || chosen.size === 0 || !reason.trim() || until === undefined}
          />
        </div>
      </form>
    </Dialog>
  );
}
