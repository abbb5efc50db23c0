/** Which camera is being looked into: any page opens it, one host in the page shows it. */
import { signal } from "@preact/signals";
import type { CameraCode } from "../domain/ids";

export interface Opened {
  readonly kind: "why" | "diagnosis";
  readonly code: CameraCode;
}
export const opened = signal<Opened | null>(null);

/** "Why is this picture poor": its links, its streams. */
export const openWhy = (code: CameraCode): void => {
  opened.value = { kind: "why", code };
};
/** Step by step, why a camera does not start. */
export const openDiagnosis = (code: CameraCode): void => {
  opened.value = { kind: "diagnosis", code };
};
