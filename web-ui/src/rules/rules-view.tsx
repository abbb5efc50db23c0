/** Rules that hold here, what they did lately, and the way to write one. */
import "./rules.css";
import { useEffect, useState } from "preact/hooks";
import { cameras, regionPath, serverNow, user } from "../api/store";
import type { Notice } from "../domain/event";
import type { CameraCode, RegionCode } from "../domain/ids";
import { t } from "../i18n/t";
import { shortTime } from "../i18n/words";
import { Icon } from "../ui/icon";
import { Button, Dialog, Empty, Loading, problemWords, toastProblem } from "../ui/widgets";
import { type Rule, rulesApi } from "./api";
import { RuleForm } from "./rule-form";
import { draftOf, emptyDraft } from "./rule-model";
import { actWords, whenWords } from "./rule-words";

export function RulesView() {
  const [rules, setRules] = useState<readonly Rule[] | null>(null);
  const [fired, setFired] = useState<readonly Notice[]>([]);
  const [error, setError] = useState<string | null>(null);
  const [open, setOpen] = useState<Rule | "new" | null>(null);
  const [removing, setRemoving] = useState<Rule | null>(null);
  const read = () => {
    void rulesApi.list().then((result) => {
      if (result.ok) setRules(result.value);
      else setError(problemWords(result.problem));
    });
    void rulesApi.fired().then((result) => {
      if (result.ok) setFired(result.value);
    });
  };
  useEffect(read, []);
  const may = user.value?.role === "administrator" || user.value?.role === "operator";
  const flip = async (rule: Rule) => {
    const result = await rulesApi.switch(rule.id, !rule.on);
    if (!result.ok) toastProblem(result.problem);
    read();
  };
  return (
    <div class="rules-view">
      <div class="page-head">
        <p class="dim">{t("rules.hint")}</p>
        {may && <Button icon="plus" tone="accent" label={t("rules.new")} onClick={() => setOpen("new")} />}
      </div>
      {error && <p class="notice bad">{error}</p>}
      {!rules && !error && <Loading />}
      {rules?.length === 0 && <Empty icon="zap" title={t("rules.none")} hint={t("rules.noneHint")} />}
      <ul class="rule-cards">
        {rules?.map((rule) => (
          <li key={rule.id} class="card rule-card" data-on={rule.on}>
            <header>
              <h2>{rule.name}</h2>
              <button
                type="button"
                role="switch"
                aria-checked={rule.on}
                aria-label={t("rules.switch", { name: rule.name })}
                class="button switch"
                disabled={!may}
                onClick={() => void flip(rule)}
              >
                <Icon name={rule.on ? "check" : "pause"} size={1} />
                {rule.on ? t("rules.on") : t("rules.off")}
              </button>
            </header>
            <p>{whenWords(rule, regionPath(rule.region as RegionCode) || rule.region)}</p>
            <p class="then">
              <Icon name="zap" size={1} />
              {rule.acts.map(actWords).join(" · ")}
            </p>
            {may && (
              <div class="actions">
                <Button icon="pencil" label={t("rules.edit")} onClick={() => setOpen(rule)} />
                <Button icon="trash" label={t("rules.remove")} onClick={() => setRemoving(rule)} />
              </div>
            )}
          </li>
        ))}
      </ul>
      <section class="card">
        <header>
          <h2>{t("rules.fired")}</h2>
        </header>
        {fired.length === 0 ? (
          <Empty icon="history" title={t("rules.noneFired")} />
        ) : (
          <ul class="fired-lines">
            {fired.map((one) => (
              <li key={`${one.at}${one.rule}${one.event}`}>
                <span>{shortTime(one.at)}</span>
                <strong class="clip">{one.name}</strong>
                <span class="grow clip dim">
                  {one.event
                    ? `${one.camera ? (cameras.value.get(one.camera as CameraCode)?.name ?? one.camera) : regionPath(one.region)} · ${t("rules.counted", { n: one.count })}`
                    : t("rules.heldBackShort", { n: one.count })}
                </span>
                {one.incident && <a href={`/incidents?id=${one.incident}`}>{t("events.hasIncident")}</a>}
              </li>
            ))}
          </ul>
        )}
      </section>
      {open && (
        <RuleForm
          draft={open === "new" ? emptyDraft(user.value?.region ?? "") : draftOf(open)}
          isNew={open === "new"}
          now={serverNow()}
          onClose={() => setOpen(null)}
          onDone={() => {
            setOpen(null);
            read();
          }}
        />
      )}
      {removing && (
        <Dialog title={t("rules.remove")} onClose={() => setRemoving(null)}>
          <div class="dialog-body">
            <p>{t("rules.removeSure", { name: removing.name })}</p>
            <div class="actions">
              <Button label={t("app.cancel")} onClick={() => setRemoving(null)} />
              <Button
                tone="danger"
                icon="trash"
                label={t("rules.remove")}
                onClick={() => {
                  void rulesApi.remove(removing.id).then((result) => {
                    if (!result.ok) toastProblem(result.problem);
                    setRemoving(null);
                    read();
                  });
                }}
              />
            </div>
          </div>
        </Dialog>
      )}
    </div>
  );
}
