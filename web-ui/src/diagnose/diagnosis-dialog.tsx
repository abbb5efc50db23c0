/** A diagnosis, step by step as it runs; the first failure in plain words, with what to do. */
import { useEffect, useState } from "preact/hooks";
import { api } from "../api/client";
import { cameras } from "../api/store";
import type { Profile } from "../domain/camera";
import type { Diagnosis } from "../domain/diagnosis";
import type { CameraCode } from "../domain/ids";
import { language, t, tCode } from "../i18n/t";
import { Icon } from "../ui/icon";
import { Button, Choice, Dialog, problemWords } from "../ui/widgets";
import { particulars, type StepView, stepViews } from "./steps";

const ASK_MS = 400;

export function DiagnosisDialog({ code, onClose }: { code: CameraCode; onClose: () => void }) {
  const camera = cameras.value.get(code);
  const profiles = (["main", "sub"] as const).filter((one) => camera?.profiles?.[one]);
  const [profile, setProfile] = useState<Profile>(profiles[0] ?? "main");
  const [diagnosis, setDiagnosis] = useState<Diagnosis | null>(null);
  const [problem, setProblem] = useState("");
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let gone = false;
    setDiagnosis(null);
    setProblem("");
    const take = (result: Awaited<ReturnType<typeof api.diagnosis>>) => {
      if (gone) return;
      if (!result.ok) return setProblem(problemWords(result.problem));
      setDiagnosis(result.value);
      if (result.value.running) timer = setTimeout(() => void api.diagnosis(code).then(take), ASK_MS);
    };
    void api.diagnose(code, profile).then(take);
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [code, profile, turn]);
  const running = diagnosis?.running ?? !problem;
  return (
    <Dialog title={t("diagnose.title", { name: camera?.name ?? code })} onClose={onClose} wide>
      <div class="dialog-body diagnosis" data-running={running}>
        {profiles.length > 1 && (
          <Choice
            label={t("diagnose.stream")}
            value={profile}
            options={profiles.map((one) => [one, t(`diagnose.${one}`)] as const)}
            onPick={setProfile}
          />
        )}
        {problem && (
          <p class="notice bad" role="alert">
            {problem}
          </p>
        )}
        {diagnosis && <Outcome diagnosis={diagnosis} />}
        <ol class="steps">
          {(diagnosis ? stepViews(diagnosis) : []).map((step) => (
            <Step key={step.step} step={step} />
          ))}
        </ol>
        <div class="actions">
          <Button icon="refresh" label={t("diagnose.again")} disabled={running} onClick={() => setTurn((n) => n + 1)} />
          <Button label={t("app.close")} tone="accent" onClick={onClose} />
        </div>
      </div>
    </Dialog>
  );
}

function Outcome({ diagnosis }: { diagnosis: Diagnosis }) {
  const { failure } = diagnosis;
  if (failure) {
    const words = failure[language.value];
    return (
      <div class="notice bad verdict" role="status">
        <Icon name="info" />
        <div>
          <strong>{words.what}</strong>
          <p>{t("diagnose.todo", { todo: words.todo })}</p>
          {particulars(failure) && (
            <p class="dim small">
              {t("diagnose.detail")}
              <span class="mono">{particulars(failure)}</span>
            </p>
          )}
          {failure.raw && failure.detail && !particulars(failure) && (
            <details class="dim small">
              <summary>{t("diagnose.raw")}</summary>
              <span class="mono" lang="en">
                {failure.detail}
              </span>
            </details>
          )}
        </div>
      </div>
    );
  }
  if (diagnosis.running) {
    return (
      <div class="notice verdict" role="status">
        <span class="spinner" />
        <strong>{t("diagnose.running")}</strong>
      </div>
    );
  }
  return (
    <div class="notice verdict" role="status">
      <Icon name="check" />
      <div>
        <strong>{t("diagnose.good")}</strong>
        {diagnosis.live && <p class="dim">{t("diagnose.live")}</p>}
      </div>
    </div>
  );
}

function Step({ step }: { step: StepView }) {
  const words = t(`diagnose.${step.outcome === "running" ? "skipped" : step.outcome}`);
  return (
    <li class={`step is-${step.outcome}`}>
      {step.outcome === "running" ? (
        <span class="spinner" role="img" aria-label={t("diagnose.running")} />
      ) : (
        <span class="mark" role="img" aria-label={words}>
          <Icon name={step.outcome === "passed" ? "check" : step.outcome === "failed" ? "x" : "minus"} size={1} />
        </span>
      )}
      <span class="step-name">{tCode("step", step.step) ?? step.step}</span>
      <span class="dim detail clip" title={step.detail}>
        {step.detail}
      </span>
      <span class="dim took">{step.tookMs === null ? "" : t("diagnose.ms", { ms: step.tookMs })}</span>
    </li>
  );
}
