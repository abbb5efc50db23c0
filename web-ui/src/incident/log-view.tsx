/** The live log: the newest on top, of any length; several people write into it at once. */
import { useEffect, useRef, useState } from "preact/hooks";
import { attachmentUrl, command, MAX_ATTACHMENT, newKey } from "../api/command";
import { cameras } from "../api/store";
import type { Incident, LogEntry } from "../domain/command";
import type { CameraCode, IncidentId } from "../domain/ids";
import { t, tCode } from "../i18n/t";
import { dayClock } from "../i18n/words";
import { Icon } from "../ui/icon";
import { useVirtualRows } from "../ui/virtual";
import { Button, Choice, toast, toastProblem } from "../ui/widgets";
import type { LogModel } from "./log-model";
import { noteWords } from "./note-words";
import { entryWords, peopleWords } from "./words";

const nameOfCamera = (code: string) => cameras.value.get(code as CameraCode)?.name;

export function LogView({ log, incident }: { log: LogModel; incident: IncidentId }) {
  const scroller = useRef<HTMLDivElement>(null);
  const total = log.total.value;
  void log.version.value;
  const rows = useVirtualRows(scroller, total, 64, (index) => total - 1 - index);
  const first = rows.list[0]?.index ?? 0;
  const last = rows.list.at(-1)?.index ?? 0;
  useEffect(() => log.need(total - 1 - last, total - 1 - first), [total, first, last]);
  return (
    <div class="log scroll" ref={scroller} role="group" tabIndex={0} aria-label={t("incident.log")}>
      <ol class="log-space" style={{ height: `${rows.total}px` }}>
        {rows.list.map((row) => {
          const n = total - 1 - row.index;
          return (
            <li
              key={n}
              class="log-row"
              data-index={row.index}
              data-n={n}
              ref={rows.measure}
              style={{ transform: `translateY(${row.start}px)` }}
            >
              <LogLine entry={log.get(n)} incident={incident} />
            </li>
          );
        })}
      </ol>
    </div>
  );
}

export function LogLine({ entry, incident }: { entry: LogEntry | undefined; incident: IncidentId }) {
  if (!entry) return <p class="dim">{t("app.loading")}</p>;
  return (
    <>
      <small>
        {dayClock(Date.parse(entry.at))} · {peopleWords(entry.by)}
        {entry.said_at && Math.abs(Date.parse(entry.said_at) - Date.parse(entry.at)) > 60_000 && (
          <span> · {t("incident.theirClock", { time: dayClock(Date.parse(entry.said_at)) })}</span>
        )}
      </small>
      <p>
        <strong>{entryWords(entry)}</strong>
        {entry.note && ` · ${noteWords(entry, nameOfCamera, dayClock)}`}
      </p>
      {entry.place && (
        <small>
          <Icon name="mapPin" size={0.875} /> {entry.place.lon.toFixed(5)}, {entry.place.lat.toFixed(5)}
        </small>
      )}
      {entry.attachments.length > 0 && (
        <div class="log-files">
          {entry.attachments.map((id) => (
            <Kept key={id} incident={incident} id={id} />
          ))}
        </div>
      )}
    </>
  );
}

/** A photo, small, that opens whole; or a voice. */
function Kept({ incident, id }: { incident: IncidentId; id: string }) {
  const url = attachmentUrl(incident, id);
  const photo = /\.(jpg|png)$/.test(id);
  if (!photo) {
    // oxlint-disable-next-line jsx-a11y/media-has-caption -- a voice note has no other text than the one beside it
    return <audio controls preload="none" src={url} aria-label={t("incident.voice")} />;
  }
  return (
    <a href={url} target="_blank" rel="noreferrer" class="log-photo">
      <img src={url} alt={t("incident.photo")} loading="lazy" />
    </a>
  );
}

const PHRASES = ["p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8"] as const;

/** Writing into it: a note or a numbered report, with quick phrases and photos. */
export function LogForm(props: {
  incident: Incident;
  onDone: (incident: Incident) => void;
  /** Guests write notes, not reports. */
  noteOnly?: boolean;
}) {
  const { incident, onDone, noteOnly = false } = props;
  const [text, setText] = useState("");
  const [kind, setKind] = useState<"note" | "report">("note");
  const [files, setFiles] = useState<readonly File[]>([]);
  const [busy, setBusy] = useState(false);
  // What was sent and not heard to have come is sent again under the same mark.
  const key = useRef(newKey());
  const pick = useRef<HTMLInputElement>(null);
  const send = async () => {
    setBusy(true);
    const attachments: string[] = [];
    for (const file of files) {
      const kept = await command.attach(incident.id, file);
      if (!kept.ok) {
        setBusy(false);
        return toastProblem(kept.problem);
      }
      attachments.push(kept.value.id);
    }
    const words = { note: text.trim(), attachments, key: key.current };
    const result = await (kind === "note" ? command.note(incident.id, words) : command.report(incident.id, words));
    setBusy(false);
    if (!result.ok) return toastProblem(result.problem);
    key.current = newKey();
    setText("");
    setFiles([]);
    setKind("note");
    onDone(result.value);
  };
  const take = (list: FileList | null) => {
    const good = [...(list ?? [])].filter((file) => file.size <= MAX_ATTACHMENT);
    if (good.length < (list?.length ?? 0)) toast(t("incident.tooLarge"), true);
    setFiles([...files, ...good].slice(0, 12));
  };
  return (
    <form
      class="log-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (text.trim() || files.length > 0) void send();
      }}
    >
      <div class="phrases" role="group" aria-label={t("incident.phrases")}>
        {PHRASES.map((phrase) => (
          <button
            type="button"
            key={phrase}
            onClick={() => setText((old) => `${old.trim()} ${t(`incident.${phrase}`)}`.trim())}
          >
            {t(`incident.${phrase}`)}
          </button>
        ))}
      </div>
      <textarea
        value={text}
        maxLength={4000}
        aria-label={t("incident.write")}
        placeholder={t("incident.write")}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !busy && text.trim()) void send();
        }}
      />
      {files.length > 0 && (
        <ul class="file-list">
          {files.map((file, i) => (
            <li key={`${file.name}-${i}`}>
              <span class="clip grow">{file.name}</span>
              <Button
                icon="x"
                label={t("app.delete")}
                hideLabel
                onClick={() => setFiles(files.filter((one) => one !== file))}
              />
            </li>
          ))}
        </ul>
      )}
      <div class="actions">
        {!noteOnly && (
          <Choice
            label={t("incident.writeAs")}
            value={kind}
            options={[
              ["note", t("incident.asNote")],
              ["report", t("incident.asReport", { n: incident.reports + 1 })],
            ]}
            onPick={setKind}
          />
        )}
        <input
          ref={pick}
          type="file"
          accept="image/jpeg,image/png"
          multiple
          hidden
          aria-label={t("incident.addPhoto")}
          onChange={(event) => {
            take(event.currentTarget.files);
            event.currentTarget.value = "";
          }}
        />
        <Button icon="image" label={t("incident.addPhoto")} hideLabel onClick={() => pick.current?.click()} />
        <Button
          type="submit"
          tone="accent"
          icon="plus"
          label={busy ? t("incident.sending") : t("incident.send")}
          disabled={busy || (!text.trim() && (files.length === 0 || kind === "report"))}
        />
      </div>
    </form>
  );
}

export const kindWords = (kind: string): string => tCode("incident.kind", kind || "general") ?? kind;
