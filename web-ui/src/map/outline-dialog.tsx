/** A region's outline from a file, and what came of it. */
import { useState } from "preact/hooks";
import type { Region } from "../domain/region";
import { t } from "../i18n/t";
import { areaWords, regionName } from "../i18n/words";
import { FileInput } from "../ui/file-input";
import { Button, Dialog, Field, problemWords } from "../ui/widgets";
import { mapApi, type OutlinePut } from "./sources";

/** As many bytes as the gateway takes. */
const MAX_BYTES = 4 * 1024 * 1024;
const REFERENCES = ["wgs84", "cgcs2000", "gcj02"] as const;

export function OutlineDialog(props: { region: Region; onClose: () => void; onDone: () => void }) {
  const [file, setFile] = useState<File | null>(null);
  const [reference, setReference] = useState<(typeof REFERENCES)[number]>("wgs84");
  const [error, setError] = useState("");
  const [told, setTold] = useState<OutlinePut | null>(null);
  const [busy, setBusy] = useState(false);
  const send = async () => {
    if (!file) return;
    if (file.size > MAX_BYTES) return setError(t("map.outline.tooLarge"));
    setBusy(true);
    const result = await mapApi.putOutline(props.region.code, file, reference);
    setBusy(false);
    if (!result.ok) return setError(problemWords(result.problem));
    setError("");
    setTold(result.value);
    props.onDone();
  };
  return (
    <Dialog title={t("map.outline.of", { name: regionName(props.region) })} onClose={props.onClose}>
      <form
        class="dialog-body"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <Field label={t("map.outline.file")} error={error || undefined} hint={t("map.outline.fileHint")}>
          <FileInput
            accept=".geojson,.json,application/geo+json,application/json"
            onPick={(picked) => {
              setFile(picked);
              setError("");
              setTold(null);
            }}
          />
        </Field>
        <Field label={t("map.outline.reference")}>
          <select value={reference} onChange={(event) => setReference(event.currentTarget.value as typeof reference)}>
            {REFERENCES.map((one) => (
              <option key={one} value={one}>
                {t(`map.outline.${one}`)}
              </option>
            ))}
          </select>
        </Field>
        {told && <OutlineTold told={told} />}
        <div class="actions">
          <Button label={t("app.close")} onClick={props.onClose} />
          <Button
            type="submit"
            tone="accent"
            icon="check"
            label={busy ? t("map.outline.busy") : t("map.outline.import")}
            disabled={!file || busy || told !== null}
          />
        </div>
      </form>
    </Dialog>
  );
}

export function OutlineTold({ told }: { told: OutlinePut }) {
  const odd = told.holds_centre === false || told.cameras_outside > 0;
  return (
    <div class={odd ? "notice warn" : "notice"} role="status">
      <span>
        {t("map.outline.told", { points: told.points, area: areaWords(told.area_m2) })}
        {told.holds_centre === false && ` ${t("map.outline.noCentre")}`}
        {told.cameras_outside > 0 && ` ${t("map.outline.outside", { n: told.cameras_outside, all: told.cameras })}`}
      </span>
    </div>
  );
}
