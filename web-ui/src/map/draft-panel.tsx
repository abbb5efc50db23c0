/** Measuring and drawing: what is being drawn, its figure, where it is kept, and what was drawn before. */
import { useEffect, useRef, useState } from "preact/hooks";
import { command, newKey } from "../api/command";
import { openIncidents, takeIncident, user } from "../api/store";
import type { Drawing } from "../domain/command";
import type { IncidentId } from "../domain/ids";
import { type DraftKind, isWhole } from "../domain/measure";
import type { Place } from "../domain/region";
import { t } from "../i18n/t";
import { peopleWords } from "../incident/words";
import type { IconName } from "../ui/icon";
import { Button, Empty, Field, toast, toastProblem } from "../ui/widgets";
import { type Drafting, measureWords } from "./drafting";
import type { MapView } from "./map-view";

export type DraftTool = { readonly measuring: true; readonly kind: "line" | "area" } | { readonly measuring: false };

const KINDS: readonly (readonly [DraftKind, IconName])[] = [
  ["point", "mapPin"],
  ["line", "route"],
  ["area", "polygon"],
  ["text", "text"],
];

export function DraftPanel({ map, tool, onClose }: { map: MapView; tool: DraftTool; onClose: () => void }) {
  const [kind, setKind] = useState<DraftKind>(tool.measuring ? tool.kind : "line");
  const [points, setPoints] = useState<readonly Place[]>([]);
  const [done, setDone] = useState(false);
  const [round, setRound] = useState(0);
  const drafting = useRef<Drafting | null>(null);
  // Two presses of Escape may come before the panel is drawn again.
  const begun = useRef(false);
  useEffect(() => {
    setPoints([]);
    setDone(false);
    begun.current = false;
    const began = map.draft(kind, tool.measuring, {
      changed: (so) => {
        begun.current = so.length > 0;
        setPoints(so);
      },
      done: (whole) => {
        setPoints(whole);
        setDone(true);
      },
    });
    drafting.current = began;
    return () => map.endDraft();
  }, [map, kind, tool.measuring, round]);
  const again = () => setRound((n) => n + 1);
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      // A dialog over the map has the keys.
      if (document.querySelector("dialog[open]")) return;
      const target = event.target as HTMLElement | null;
      const typing = target?.matches("input, textarea, select") ?? false;
      if (event.key === "Escape") {
        // First what is drawn, then the tool.
        if (begun.current) again();
        else onClose();
        begun.current = false;
      } else if (typing) return;
      else if (event.key === "Backspace" || (event.key === "z" && (event.ctrlKey || event.metaKey))) {
        drafting.current?.undo();
        setDone(false);
      } else if (event.key === "Enter" && target?.matches(".map-canvas")) {
        if (event.shiftKey) drafting.current?.finish();
        else drafting.current?.addMiddle();
      } else return;
      event.preventDefault();
      event.stopPropagation();
    };
    addEventListener("keydown", key, true);
    return () => removeEventListener("keydown", key, true);
  }, [onClose]);
  const figure = tool.measuring ? measureWords(kind, points) : "";
  const title = tool.measuring ? t(`map.measure.${tool.kind}`) : t("map.drawing");
  return (
    <aside class="map-panel scroll" aria-label={title}>
      <header>
        <h2 class="grow">{title}</h2>
        <Button icon="x" label={t("app.close")} hideLabel onClick={onClose} />
      </header>
      {!tool.measuring && (
        <div class="choice" role="radiogroup" aria-label={t("map.drawing.kind")}>
          {KINDS.map(([one]) => (
            // oxlint-disable-next-line jsx-a11y/role-has-required-aria-props -- aria-checked is there
            <button key={one} type="button" role="radio" aria-checked={one === kind} onClick={() => setKind(one)}>
              {t(`map.drawing.${one}`)}
            </button>
          ))}
        </div>
      )}
      <p class="dim">
        {t(done ? "map.draft.whole" : kind === "point" || kind === "text" ? "map.draft.one" : "map.draft.many")}
      </p>
      {tool.measuring && (
        <p class="figure" role="status">
          {figure || "—"}
        </p>
      )}
      <div class="actions start">
        {kind !== "point" && kind !== "text" && (
          <Button
            icon="check"
            label={t("map.draft.finish")}
            disabled={done || !isWhole(kind, points)}
            onClick={() => drafting.current?.finish()}
          />
        )}
        <Button
          icon="undo"
          label={t("map.draft.undo")}
          disabled={points.length === 0}
          onClick={() => {
            drafting.current?.undo();
            setDone(false);
          }}
        />
        <Button icon="eraser" label={t("map.draft.clear")} disabled={points.length === 0} onClick={again} />
        <Button icon="crosshair" label={t("map.draft.middle")} onClick={() => drafting.current?.addMiddle()} />
      </div>
      {!tool.measuring && <Keep kind={kind} points={points} onKept={again} />}
    </aside>
  );
}

/** With which incident it is kept, what is written beside it; and what was drawn for that incident. */
function Keep({ kind, points, onKept }: { kind: DraftKind; points: readonly Place[]; onKept: () => void }) {
  const open = openIncidents.value;
  const [chosen, setChosen] = useState<IncidentId | null>(null);
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  // What was sent and not heard to have come is sent again under the same mark.
  const key = useRef(newKey());
  const incident = open.find((one) => one.id === chosen) ?? open[0];
  if (!incident)
    return <Empty icon="siren" title={t("map.drawing.noIncident")} hint={t("map.drawing.noIncidentHint")} />;
  const may = user.value?.role !== "auditor";
  const save = async () => {
    setBusy(true);
    const result = await command.draw(incident.id, { kind, points, text: text.trim() }, key.current);
    setBusy(false);
    if (!result.ok) return toastProblem(result.problem);
    key.current = newKey();
    takeIncident(result.value);
    setText("");
    onKept();
  };
  const whole = isWhole(kind, points) && (kind !== "text" || text.trim() !== "");
  return (
    <>
      {may && (
        <form
          class="draft-form"
          onSubmit={(event) => {
            event.preventDefault();
            if (whole && !busy) void save();
          }}
        >
          <Field label={t("map.drawing.incident")}>
            <select value={incident.id} onChange={(event) => setChosen(event.currentTarget.value as IncidentId)}>
              {open.map((one) => (
                <option key={one.id} value={one.id}>
                  {one.number} {one.title}
                </option>
              ))}
            </select>
          </Field>
          <Field label={t("map.drawing.text")}>
            <input value={text} maxLength={200} onInput={(event) => setText(event.currentTarget.value)} />
          </Field>
          <Button type="submit" tone="accent" icon="check" label={t("map.drawing.save")} disabled={!whole || busy} />
        </form>
      )}
      <Drawn incident={incident.id} drawings={incident.drawings} may={may} />
    </>
  );
}

function Drawn(props: { incident: IncidentId; drawings: readonly Drawing[]; may: boolean }) {
  const shown = props.drawings.filter((one) => !one.erased_at);
  const erase = async (one: Drawing) => {
    const result = await command.erase(props.incident, one.number);
    if (!result.ok) return toastProblem(result.problem);
    takeIncident(result.value);
    toast(t("map.drawing.erased", { n: one.number }));
  };
  const runs = user.value?.role === "operator" || user.value?.role === "administrator";
  if (shown.length === 0) return <p class="dim">{t("map.drawing.none")}</p>;
  return (
    <ol class="drawn-list" aria-label={t("map.drawing.list")}>
      {[...shown].reverse().map((one) => (
        <li key={one.number}>
          <span class="grow clip">
            {one.number} {t(`map.drawing.${one.kind}`)} {one.text}
          </span>
          <span class="dim clip">{peopleWords(one.by)}</span>
          {props.may && (runs || one.by === user.value?.user) && (
            <Button
              icon="eraser"
              label={t("map.drawing.erase", { n: one.number })}
              hideLabel
              onClick={() => void erase(one)}
            />
          )}
        </li>
      ))}
    </ol>
  );
}
