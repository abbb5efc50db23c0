/** Feeding back: text, photos, a voice, the place. It goes into the outbox, which is on the phone before this closes. */
import { useEffect, useRef, useState } from "preact/hooks";
import { MAX_ATTACHMENT, newKey } from "../api/command";
import { user } from "../api/store";
import type { Step } from "../domain/command";
import type { IncidentId } from "../domain/ids";
import type { Place } from "../domain/region";
import { t } from "../i18n/t";
import { bytes, duration } from "../i18n/words";
import { Icon } from "../ui/icon";
import { Button, Dialog, toast } from "../ui/widgets";
import { say } from "./outbox";
import type { DraftFile } from "./outbox-core";
import { here, locate } from "./place";
import { outgoing } from "./saver";

const PHRASES = ["p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8"] as const;
/** A voice stops by itself, ms. */
const LONGEST_VOICE_MS = 120_000;
const MOST_FILES = 12;

export interface Saying {
  readonly incident: IncidentId;
  readonly incidentNumber: string;
  readonly title: string;
  readonly task: number | null;
  readonly step: Step | null;
  /** Steps that go before it, as one press says all of them. */
  readonly before?: readonly Step[];
}

export async function sayStep(
  of: Saying,
  step: Step,
  note = "",
  files: readonly DraftFile[] = [],
  place: Place | null = null,
) {
  return say({
    key: newKey(),
    user: user.value?.user ?? "",
    incident: of.incident,
    incidentNumber: of.incidentNumber,
    task: of.task,
    step,
    note,
    place,
    saidAt: new Date().toISOString(),
    files,
    state: { kind: "waiting" },
  });
}

export function SayForm({ of, title, onClose }: { of: Saying; title: string; onClose: () => void }) {
  const [text, setText] = useState("");
  const [files, setFiles] = useState<readonly DraftFile[]>([]);
  const [withPlace, setWithPlace] = useState(true);
  const [busy, setBusy] = useState(false);
  const pick = useRef<HTMLInputElement>(null);
  const voice = useVoice((blob) => {
    const name = t("incident.voice");
    setFiles((now) => [...now, { blob, name, kept: null }].slice(0, MOST_FILES));
  });
  useEffect(() => {
    if (withPlace && !here.value) void locate();
  }, [withPlace]);
  const take = async (list: readonly File[]) => {
    setBusy(true);
    const taken: DraftFile[] = [];
    for (const file of list) {
      const blob = await outgoing(file, MAX_ATTACHMENT);
      if (blob) taken.push({ blob, name: file.name, kept: null });
      else toast(t("field.noPhoto", { name: file.name }), true);
    }
    setFiles((now) => [...now, ...taken].slice(0, MOST_FILES));
    setBusy(false);
  };
  const send = async () => {
    setBusy(true);
    const place = withPlace ? here.value : null;
    let kept = true;
    for (const step of of.before ?? []) kept = (await sayStep(of, step)) && kept;
    if (kept) {
      kept = await say({
        key: newKey(),
        user: user.value?.user ?? "",
        incident: of.incident,
        incidentNumber: of.incidentNumber,
        task: of.task,
        step: of.step,
        note: text.trim(),
        place,
        saidAt: new Date().toISOString(),
        files,
        state: { kind: "waiting" },
      });
    }
    setBusy(false);
    if (!kept) return toast(t("field.notKept"), true);
    onClose();
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        class="dialog-body say-form"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <p class="dim">{of.title}</p>
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
          aria-label={t("field.text")}
          placeholder={t("field.text")}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <input
          ref={pick}
          class="photo-input"
          type="file"
          accept="image/*"
          multiple
          hidden
          aria-label={t("field.photo")}
          onChange={(event) => {
            void take([...(event.currentTarget.files ?? [])]);
            event.currentTarget.value = "";
          }}
        />
        <div class="say-tools">
          <Button icon="image" label={t("field.photo")} onClick={() => pick.current?.click()} />
          <Button
            icon={voice.since === null ? "radio" : "pause"}
            tone={voice.since === null ? "plain" : "danger"}
            aria-pressed={voice.since !== null}
            label={voice.since === null ? t("field.voice") : t("field.voiceStop", { time: duration(voice.seconds) })}
            onClick={voice.toggle}
          />
          <label class="check">
            <input
              type="checkbox"
              checked={withPlace}
              onChange={(event) => setWithPlace(event.currentTarget.checked)}
            />
            {here.value || !withPlace ? t("field.withPlace") : t("field.placePending")}
          </label>
        </div>
        {files.length > 0 && (
          <ul class="say-files">
            {files.map((file, i) => (
              <SaidFile key={i} file={file} onDrop={() => setFiles(files.filter((one) => one !== file))} />
            ))}
          </ul>
        )}
        <Button
          type="submit"
          tone="accent"
          icon="check"
          label={t("incident.send")}
          disabled={busy || voice.since !== null || (!text.trim() && files.length === 0)}
        />
      </form>
    </Dialog>
  );
}

function SaidFile({ file, onDrop }: { file: DraftFile; onDrop: () => void }) {
  const [url, setUrl] = useState<string | null>(null);
  useEffect(() => {
    const made = URL.createObjectURL(file.blob);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [file]);
  const photo = file.blob.type.startsWith("image/");
  return (
    <li>
      {photo ? url && <img src={url} alt={t("incident.photo")} /> : <Icon name="volume" size={1.5} />}
      <span class="clip grow">
        {file.name} · {bytes(file.blob.size)}
      </span>
      <Button icon="x" label={t("app.delete")} hideLabel onClick={onDrop} />
    </li>
  );
}

/** Records a voice by the browser's own recorder; the microphone is let go of with the form. */
function useVoice(done: (voice: Blob) => void) {
  const [since, setSince] = useState<number | null>(null);
  const [seconds, setSeconds] = useState(0);
  const recorder = useRef<MediaRecorder | null>(null);
  useEffect(() => {
    if (since === null) return;
    const timer = setInterval(() => {
      const passed = performance.now() - since;
      setSeconds(passed / 1000);
      if (passed > LONGEST_VOICE_MS) recorder.current?.stop();
    }, 250);
    return () => clearInterval(timer);
  }, [since]);
  useEffect(() => () => recorder.current?.stream.getTracks().forEach((track) => void track.stop()), []);
  const toggle = async () => {
    if (recorder.current?.state === "recording") return recorder.current.stop();
    if (!navigator.mediaDevices || typeof MediaRecorder === "undefined") return toast(t("field.noVoice"), true);
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      const made = new MediaRecorder(stream, { audioBitsPerSecond: 24_000 });
      const pieces: Blob[] = [];
      made.ondataavailable = (event) => pieces.push(event.data);
      made.onstop = () => {
        for (const track of stream.getTracks()) track.stop();
        setSince(null);
        const voice = new Blob(pieces, { type: made.mimeType.split(";")[0] || "audio/webm" });
        if (voice.size > 0) done(voice);
      };
      made.start();
      recorder.current = made;
      setSeconds(0);
      setSince(performance.now());
    } catch {
      toast(t("field.noVoice"), true);
    }
  };
  return { since, seconds, toggle: () => void toggle() };
}
