/** Stands once in the page; its dialogs are fetched when one is first opened. */
import { lazyPage } from "../ui/lazy";
import { opened } from "./open";

const Dialogs = lazyPage(() => import("./dialogs"));

export function DiagnosisHost() {
  return opened.value ? <Dialogs /> : null;
}
