/** 20-digit codes: what one says part by part, and the next that is free. */
import { useEffect, useState } from "preact/hooks";
import { district } from "../api/store";
import { language, t } from "../i18n/t";
import { Button, Dialog, Field, problemWords } from "../ui/widgets";
import { calls } from "./calls";
import type { ExplainedCode } from "./types";

export function CodeDialog({ onClose, onUse }: { onClose: () => void; onUse: ((code: string) => void) | null }) {
  const [text, setText] = useState("");
  const [told, setTold] = useState<ExplainedCode | null>(null);
  const [error, setError] = useState<string | null>(null);
  const home = (district.value?.code ?? "441403").slice(0, 6).padEnd(6, "0");
  const [parts, setParts] = useState({ centre: `${home}00`, industry: "00", type: "132", network: "6" });
  useEffect(() => {
    const wanted = text.trim();
    if (!wanted) return setTold(null);
    const wait = setTimeout(() => {
      void calls.explain(wanted).then((answer) => {
        if (answer.ok) setTold(answer.value);
        else setError(problemWords(answer.problem));
      });
    }, 200);
    return () => clearTimeout(wait);
  }, [text]);
  const next = async () => {
    setError(null);
    const answer = await calls.nextCode(parts);
    if (answer.ok) setText(answer.value.code);
    else setError(problemWords(answer.problem));
  };
  const zh = language.value === "zh" ? 0 : 1;
  return (
    <Dialog wide title={t("code.title")} onClose={onClose}>
      <div class="dialog-body reg-code">
        <div class="form-grid">
          {(["centre", "industry", "type", "network"] as const).map((part) => (
            <Field key={part} label={t(`code.part.${part}`)}>
              <input
                inputMode="numeric"
                value={parts[part]}
                onInput={(event) => setParts({ ...parts, [part]: event.currentTarget.value })}
              />
            </Field>
          ))}
          <div class="actions start reg-bottom">
            <Button icon="plus" label={t("code.next")} onClick={() => void next()} />
          </div>
        </div>
        <Field label={t("code.check")}>
          <input
            name="code"
            class="code"
            inputMode="numeric"
            placeholder="44140300001326000001"
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </Field>
        {error && (
          <p class="notice bad" role="alert">
            {error}
          </p>
        )}
        {told && (
          <div role="status" class="reg-code-told">
            <ol class="reg-parts">
              {told.parts.map((part) => (
                <li key={part.name} class={part.fault ? "bad" : ""}>
                  <strong class="code">{part.digits}</strong>
                  <span class="dim small">{t(`code.part.${part.name}`)}</span>
                  <span>{zh === 0 ? part.zh : part.en}</span>
                  {part.fault && <em>{part.fault[zh]}</em>}
                </li>
              ))}
            </ol>
            <p class={told.good ? "notice" : "notice bad"}>
              {told.good ? t("code.good") : t("code.bad")}
              {told.fault ? ` · ${told.fault[zh]}` : ""}
              {told.state === "taken"
                ? ` · ${t("code.state.taken", { name: told.name ?? "—" })}`
                : told.state
                  ? ` · ${t(`code.state.${told.state}`)}`
                  : ""}
            </p>
            {onUse && told.good && told.state === "free" && (
              <div class="actions start">
                <Button tone="accent" icon="plus" label={t("code.use")} onClick={() => onUse(told.code)} />
              </div>
            )}
          </div>
        )}
      </div>
    </Dialog>
  );
}
