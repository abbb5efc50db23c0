/** The buttons that open a camera's diagnosis: for whatever shows a camera's file, and for a line that names a camera. */
import { user } from "../api/store";
import type { Camera } from "../domain/camera";
import type { CameraCode } from "../domain/ids";
import { t } from "../i18n/t";
import { Button } from "../ui/widgets";
import { openDiagnosis } from "./open";

export function DiagnoseTool({ camera }: { camera: Camera }) {
  // Who may not watch may not ask.
  if (user.value?.role === "auditor") return null;
  return <Button icon="gauge" label={t("diagnose.open")} onClick={() => openDiagnosis(camera.code)} />;
}

export function DiagnoseLine({ code, name }: { code: CameraCode; name: string }) {
  if (user.value?.role === "auditor") return null;
  const label = t("diagnose.of", { name });
  return <Button class="in-line" icon="gauge" label={label} hideLabel onClick={() => openDiagnosis(code)} />;
}
