/** A range of one camera as a file. */
import { useState } from "preact/hooks";
import { recordingUrl } from "../api/client";
import { cameras } from "../api/store";
import { type CameraCode, toRfc3339 } from "../domain/ids";
import { t } from "../i18n/t";
import { clock, dayClock, duration } from "../i18n/words";
import { Button, Dialog, Field } from "../ui/widgets";
import type { Window } from "./timeline-math";

export function Export({
  codes,
  selection,
  onClose,
}: {
  codes: readonly CameraCode[];
  selection: Window;
  onClose: () => void;
}) {
  const [code, setCode] = useState(codes[0]);
  const [reason, setReason] = useState("");
  const go = (event: Event) => {
    event.preventDefault();
    if (!code) return;
    const link = document.createElement("a");
    link.href = recordingUrl(code, toRfc3339(selection.from), toRfc3339(selection.to), reason.trim());
    link.download = `${cameras.value.get(code)?.name ?? code}-${toRfc3339(selection.from).replaceAll(/[:.]/g, "-")}.mp4`;
    link.click();
    onClose();
  };
  return (
    <Dialog title={t("playback.exportTitle")} onClose={onClose}>
      <form class="dialog-body" onSubmit={go}>
        <p>
          {dayClock(selection.from)} – {clock(selection.to)} ({duration((selection.to - selection.from) / 1000)})
        </p>
        {codes.length > 1 && (
          <Field label={t("wall.tree")}>
            <select value={code ?? ""} onChange={(event) => setCode(event.currentTarget.value as CameraCode)}>
              {codes.map((one) => (
                <option key={one} value={one}>
                  {cameras.value.get(one)?.name ?? one}
                </option>
              ))}
            </select>
          </Field>
        )}
        <Field label={t("playback.exportReason")}>
          <input required maxLength={200} value={reason} onInput={(event) => setReason(event.currentTarget.value)} />
        </Field>
        <div class="actions">
          <Button label={t("app.cancel")} onClick={onClose} />
          <Button type="submit" icon="download" tone="accent" label={t("playback.exportGo")} />
        </div>
      </form>
    </Dialog>
  );
}
