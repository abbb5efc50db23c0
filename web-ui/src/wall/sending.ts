/** The set of cameras that is to be sent to a screen or an operator; any page may ask for it, and the dialog is fetched then. */
import { signal } from "@preact/signals";
import type { CameraCode } from "../domain/ids";

export const sending = signal<readonly CameraCode[] | null>(null);
