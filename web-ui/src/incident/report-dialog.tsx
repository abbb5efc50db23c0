/** Reports something: words, grade, place, a photo. */
import { useState } from "preact/hooks";
import { cameras, takeEvent } from "../api/store";
import { GRADES, type Grade } from "../domain/event";
import type { Place } from "../domain/region";
import { t } from "../i18n/t";
import { FileInput } from "../ui/file-input";
import { GradeMark } from "../ui/marks";
import { Button, Dialog, Field, problemWords, toast } from "../ui/widgets";
import { MAX_PHOTO, newKey, reporting, sendPhoto, sendReport } from "./report";

export default function ReportDialog() {
  const open = reporting.value;
  const camera = open?.camera ? cameras.value.get(open.camera) : undefined;
  const [text, setText] = useState("");
  const [grade, setGrade] = useState<Grade>("III");
  const [place, setPlace] = useState<Place | null>(null);
  const [photo, setPhoto] = useState<File | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [key] = useState(newKey);
  if (!open) return null;
  const close = () => {
    reporting.value = null;
  };
  const locate = () => {
    navigator.geolocation?.getCurrentPosition(
      (at) => setPlace({ lon: at.coords.longitude, lat: at.coords.latitude }),
      () => toast(t("field.noPosition"), true),
      { enableHighAccuracy: true, timeout: 10_000 },
    );
    if (!navigator.geolocation) toast(t("field.noPosition"), true);
  };
  const send = async (submitted: Event) => {
    submitted.preventDefault();
    if (photo && photo.size > MAX_PHOTO) return setError(t("report.tooLarge"));
    setBusy(true);
    const result = await sendReport({ text: text.trim(), grade, camera: open.camera, place, key });
    if (!result.ok) {
      setBusy(false);
      return setError(problemWords(result.problem));
    }
    takeEvent(result.value);
    const problem = photo ? await sendPhoto(result.value.id, photo) : null;
    setBusy(false);
    if (problem) toast(t("report.sentNoPhoto", { why: problemWords(problem) }), true);
    else toast(t("report.sent"));
    close();
  };
  return (
    <Dialog title={camera ? `${t("report.title")} · ${camera.name}` : t("report.title")} onClose={close}>
      <form class="dialog-body form-grid" onSubmit={(event) => void send(event)}>
        <div class="full">
          <Field label={t("report.text")}>
            <textarea
              required={!open.camera}
              maxLength={2000}
              rows={3}
              value={text}
              onInput={(event) => setText(event.currentTarget.value)}
            />
          </Field>
        </div>
        <fieldset class="grades full">
          <legend>{t("incident.grade")}</legend>
          {GRADES.map((one) => (
            <label key={one}>
              <input type="radio" name="report-grade" checked={one === grade} onChange={() => setGrade(one)} />
              <GradeMark grade={one} words />
            </label>
          ))}
        </fieldset>
        <div class="full actions start">
          <Button icon="mapPin" label={t("report.placeOwn")} onClick={locate} />
          <span class="dim">
            {place
              ? t("report.placeKnown", { lon: place.lon.toFixed(5), lat: place.lat.toFixed(5) })
              : camera
                ? camera.name
                : t("report.placeNone")}
          </span>
        </div>
        <div class="full">
          <Field label={t("report.photo")} hint={t("report.photoHint")}>
            <FileInput accept="image/jpeg,image/png" onPick={setPhoto} />
          </Field>
        </div>
        {error && (
          <p class="notice bad full" role="alert">
            {error}
          </p>
        )}
        <div class="actions full">
          <Button label={t("app.cancel")} onClick={close} />
          <Button type="submit" tone="accent" icon="siren" label={t("report.send")} disabled={busy} />
        </div>
      </form>
    </Dialog>
  );
}
