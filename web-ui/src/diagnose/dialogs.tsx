/** The dialogs about one camera: why its picture is poor, and why it does not start. */
import "./diagnose.css";
import { DiagnosisDialog } from "./diagnosis-dialog";
import { opened } from "./open";
import { WhyDialog } from "./why-dialog";

export default function Dialogs() {
  const now = opened.value;
  if (!now) return null;
  const close = () => {
    opened.value = null;
  };
  return now.kind === "why" ? (
    <WhyDialog key={now.code} code={now.code} onClose={close} />
  ) : (
    <DiagnosisDialog key={now.code} code={now.code} onClose={close} />
  );
}
