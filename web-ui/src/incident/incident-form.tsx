import { useState } from "preact/hooks";
import { api } from "../api/client";
import type { Incident } from "../domain/command";
import { GRADES, type Grade } from "../domain/event";
import type { CameraCode, EventId } from "../domain/ids";
import type { Place } from "../domain/region";
import { t, tCode } from "../i18n/t";
import { GradeMark } from "../ui/marks";
import { Button, Field, problemWords } from "../ui/widgets";

export const INCIDENT_KINDS = ["general", "flood", "fire", "traffic", "security", "equipment"] as const;

export function IncidentForm(props: {
  title: string;
  grade: Grade;
  event: EventId | null;
  camera: CameraCode | null;
  place: Place | null;
  onDone: (incident: Incident) => void;
  onCancel: () => void;
}) {
  const [title, setTitle] = useState(props.title);
  const [grade, setGrade] = useState<Grade>(props.grade);
  const [kind, setKind] = useState<string>("general");
  const [note, setNote] = useState("");
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (submitted: Event) => {
    submitted.preventDefault();
    setBusy(true);
    const { event, camera, place } = props;
    const result = await api.openIncident({ title: title.trim(), grade, kind, note, event, camera, place });
    setBusy(false);
    if (result.ok) props.onDone(result.value);
    else setError(problemWords(result.problem));
  };
  return (
    <form class="form-grid" onSubmit={submit}>
      <div class="full">
        <Field label={t("incident.titleField")}>
          <input required maxLength={120} value={title} onInput={(event) => setTitle(event.currentTarget.value)} />
        </Field>
      </div>
      <fieldset class="grades full">
        <legend>{t("incident.grade")}</legend>
        {GRADES.map((one) => (
          <label key={one}>
            <input type="radio" name="grade" checked={one === grade} onChange={() => setGrade(one)} />
            <GradeMark grade={one} words />
          </label>
        ))}
      </fieldset>
      <Field label={t("incident.kind")}>
        <select value={kind} onChange={(event) => setKind(event.currentTarget.value)}>
          {INCIDENT_KINDS.map((one) => (
            <option key={one} value={one}>
              {tCode("incident.kind", one)}
            </option>
          ))}
        </select>
      </Field>
      <div class="full">
        <Field label={t("incident.note")}>
          <textarea maxLength={2000} value={note} onInput={(event) => setNote(event.currentTarget.value)} />
        </Field>
      </div>
      {error && (
        <p class="notice bad full" role="alert">
          {error}
        </p>
      )}
      <div class="actions full">
        <Button label={t("app.cancel")} onClick={props.onCancel} />
        <Button
          type="submit"
          tone="accent"
          icon="siren"
          label={t(props.event ? "events.toIncident" : "incident.new")}
          disabled={busy}
        />
      </div>
    </form>
  );
}
