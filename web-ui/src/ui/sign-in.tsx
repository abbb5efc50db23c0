import { useState } from "preact/hooks";
import { api } from "../api/client";
import { start } from "../api/store";
import { language, setLanguage, t } from "../i18n/t";
import { Icon } from "./icon";
import { Button, Field, problemWords } from "./widgets";

export function SignIn({ ended }: { ended: boolean }) {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [shown, setShown] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(ended ? t("signin.ended") : null);

  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    const result = await api.signIn(name.trim(), password);
    setBusy(false);
    if (result.ok) {
      setPassword("");
      await start(result.value);
      return;
    }
    const { problem } = result;
    if (problem.status === 401) setError(t("signin.wrong"));
    else if (problem.status === 429) setError(t("signin.tooMany", { seconds: problem.retryAfter ?? 60 }));
    else setError(problemWords(problem));
  };

  return (
    <main class="sign-in">
      <form onSubmit={submit}>
        <img src="/favicon.svg" alt="" width="48" height="48" />
        <h1>{t("app.name")}</h1>
        <p>{t("signin.lead")}</p>
        <Field label={t("signin.user")}>
          <input
            name="user"
            autocomplete="username"
            required
            value={name}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </Field>
        <Field label={t("signin.password")}>
          <span class="with-button">
            <input
              name="password"
              {...({ type: shown ? "text" : "password" } as { type: "password" })}
              autocomplete="current-password"
              required
              value={password}
              onInput={(event) => setPassword(event.currentTarget.value)}
            />
            <Button
              icon={shown ? "eyeOff" : "eye"}
              label={shown ? t("signin.hide") : t("signin.show")}
              hideLabel
              onClick={() => setShown(!shown)}
            />
          </span>
        </Field>
        {error && (
          <div class="notice bad" role="alert">
            <Icon name="info" />
            {error}
          </div>
        )}
        <Button type="submit" tone="accent" label={busy ? t("signin.busy") : t("signin.submit")} disabled={busy} />
        <small>{t("signin.audit")}</small>
      </form>
      <Button
        class="language"
        icon="languages"
        label={t("top.language")}
        onClick={() => setLanguage(language.value === "zh" ? "en" : "zh")}
      />
    </main>
  );
}
