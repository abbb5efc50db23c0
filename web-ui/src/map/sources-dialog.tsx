/** Where the map's ground comes from: sources set up, tried out and seen before they are kept. For administrators. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Place } from "../domain/region";
import { t, tCode } from "../i18n/t";
import { Button, Dialog, Empty, problemWords, toast, toastProblem } from "../ui/widgets";
import { sourceName } from "./layer-panel";
import { draftOf, emptyDraft, fromDraft, PRESETS, type SourceDraft, toShow } from "./source-draft";
import { SourceForm } from "./source-form";
import { SourcePreview } from "./source-preview";
import { type MapSource, mapApi, type SourceTest } from "./sources";

export default function SourcesDialog(props: {
  sources: readonly MapSource[];
  center: Place;
  onSources: (sources: readonly MapSource[]) => void;
  onClose: () => void;
}) {
  const [draft, setDraft] = useState<SourceDraft | null>(null);
  const [test, setTest] = useState<SourceTest | null>(null);
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const [removing, setRemoving] = useState<string | null>(null);
  const tried = useRef(0);
  useEffect(() => void reload(), []);
  const reload = async () => {
    const result = await mapApi.sources();
    if (result.ok) props.onSources(result.value);
    else toastProblem(result.problem);
  };
  const edit = (to: SourceDraft | null) => {
    setDraft(to);
    setTest(null);
    setError("");
  };
  const tryOut = async (): Promise<void> => {
    if (!draft) return;
    const mine = ++tried.current;
    setBusy(true);
    const result = await mapApi.test(fromDraft(draft), null);
    if (mine !== tried.current) return;
    setBusy(false);
    setTest(result.ok ? result.value : null);
    setError(result.ok ? "" : problemWords(result.problem));
  };
  const save = async () => {
    if (!draft) return;
    setBusy(true);
    const result = await mapApi.put(fromDraft(draft));
    setBusy(false);
    if (!result.ok) return setError(problemWords(result.problem));
    toast(t("map.source.saved", { name: result.value.name }));
    edit(null);
    await reload();
  };
  const remove = async (id: string) => {
    const result = await mapApi.remove(id);
    setRemoving(null);
    if (!result.ok) return toastProblem(result.problem);
    await reload();
  };
  return (
    <Dialog title={t("map.sources")} wide onClose={props.onClose}>
      {!draft && (
        <div class="dialog-body">
          {props.sources.length === 0 ? (
            <Empty icon="map" title={t("map.sources.none")} hint={t("map.sources.noneHint")} />
          ) : (
            <ul class="source-list">
              {props.sources.map((source) => (
                <li key={source.id}>
                  <div class="grow">
                    <strong>{sourceName(source)}</strong>{" "}
                    <span class="dim">
                      {source.id} · {t(`map.grid.${source.grid}`)} · {source.min_zoom}–{source.max_zoom}
                      {source.default && ` · ${t("map.source.opens")}`}
                      {!source.base && ` · ${t("map.source.namesOnly")}`}
                      {source.said === "configuration" && ` · ${t("map.source.fixed")}`}
                    </span>
                    {source.fault && <p class="bad">{tCode("map.fault", source.fault.code) ?? source.fault.text}</p>}
                  </div>
                  {source.said === "page" &&
                    (removing === source.id ? (
                      <>
                        <Button label={t("app.cancel")} onClick={() => setRemoving(null)} />
                        <Button tone="danger" label={t("app.delete")} onClick={() => void remove(source.id)} />
                      </>
                    ) : (
                      <>
                        <Button
                          icon="pencil"
                          label={t("map.source.edit", { name: source.name })}
                          hideLabel
                          onClick={() => edit(draftOf(source))}
                        />
                        <Button
                          icon="trash"
                          label={t("map.source.remove", { name: source.name })}
                          hideLabel
                          onClick={() => setRemoving(source.id)}
                        />
                      </>
                    ))}
                </li>
              ))}
            </ul>
          )}
          <div class="actions start">
            <Button icon="plus" tone="accent" label={t("map.source.new")} onClick={() => edit(emptyDraft())} />
            {PRESETS.map((preset) => (
              <Button key={preset.id} label={t(`map.preset.${preset.id}`)} onClick={() => edit(preset.draft())} />
            ))}
          </div>
        </div>
      )}
      {draft && (
        <div class="dialog-body source-edit">
          <SourceForm
            draft={draft}
            others={props.sources.filter((source) => source.id !== draft.id)}
            known={props.sources.some((source) => source.id === draft.id)}
            onDraft={(to) => {
              setDraft(to);
              setTest(null);
            }}
          />
          <div class="source-side">
            <SourcePreview source={test ? toShow(draft, test) : null} center={props.center} />
            {error && <p class="notice bad">{error}</p>}
            {test && <TestTold test={test} />}
            {!test && !error && <p class="dim">{t("map.source.tryFirst")}</p>}
          </div>
          <div class="actions full">
            <Button label={t("app.cancel")} onClick={() => edit(null)} />
            <Button
              icon="eye"
              label={busy ? t("map.source.trying") : t("map.source.try")}
              disabled={busy || !draft.url.trim()}
              onClick={() => void tryOut()}
            />
            <Button
              icon="check"
              tone="accent"
              label={t("app.save")}
              disabled={busy || !draft.url.trim() || !draft.id.trim() || !draft.name.trim()}
              onClick={() => void save()}
            />
          </div>
        </div>
      )}
    </Dialog>
  );
}

function TestTold({ test }: { test: SourceTest }) {
  const words = test.fault
    ? (tCode("map.fault", test.fault.code) ?? test.fault.text)
    : t("map.source.good", { type: test.media_type ?? "", bytes: test.bytes ?? 0, ms: test.took_ms });
  return (
    <div class={test.fault ? "notice bad" : "notice"} role="status">
      <div class="test-told">
        <strong>{words}</strong>
        {test.fault && <p>{test.fault.text}</p>}
        <code>{test.url}</code>
      </div>
    </div>
  );
}
