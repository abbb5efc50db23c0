/** The button that opens a camera's diagnosis, for whatever shows a camera's file. */
import { user } from "../api/store";
import type { Camera } from "../domain/types";
import { t } from "../i18n/t";
import { Button } from "../ui/widgets";
import { openDiagnosis } from "./open";

export function DiagnoseTool({ camera }: { camera: Camera }) {
  // Who may not watch may not ask.
  if (user.value?.role === "auditor") return null;
  return <Button icon="gauge" label={t("diagnose.open")} onClick={() => openDiagnosis(camera.code)} />;
}
