/** The fields of a map source; those of a WMTS only where it is one. */
import type { TargetedInputEvent } from "preact";
import { t, tCode } from "../i18n/t";
import { Choice, Field } from "../ui/widgets";
import { sourceName } from "./layer-panel";
import type { SourceDraft } from "./source-draft";
import { MAP_GRIDS, type MapGrid, type MapSource } from "./sources";

type TextName = {
  [Name in keyof SourceDraft]: SourceDraft[Name] extends string ? Name : never;
}[keyof SourceDraft];

export function SourceForm(props: {
  draft: SourceDraft;
  others: readonly MapSource[];
  /** It is there already: its id stays. */
  known: boolean;
  onDraft: (draft: SourceDraft) => void;
}) {
  const { draft, onDraft } = props;
  const wmts = draft.kind === "wmts";
  const template = draft.url.includes("{TileMatrix}");
  const text = (name: TextName, most: number, more: { hint?: string; secret?: boolean; placeholder?: string } = {}) => {
    const input = {
      value: draft[name],
      maxLength: most,
      placeholder: more.placeholder ?? "",
      autocomplete: "off",
      spellcheck: false,
      readOnly: name === "id" && props.known,
      onInput: (event: TargetedInputEvent<HTMLInputElement>) =>
        onDraft({ ...draft, [name]: event.currentTarget.value }),
    };
    return (
      <Field label={t(`map.source.${name as "id"}`)} hint={more.hint}>
        {more.secret ? <input type="password" {...input} /> : <input {...input} />}
      </Field>
    );
  };
  const level = (name: "min_zoom" | "max_zoom") => (
    <Field label={t(`map.source.${name}`)}>
      <input
        type="number"
        min={0}
        max={24}
        value={draft[name]}
        onInput={(event) =>
          onDraft({ ...draft, [name]: Math.max(0, Math.min(24, event.currentTarget.valueAsNumber || 0)) })
        }
      />
    </Field>
  );
  return (
    <div class="source-form">
      <div class="form-grid">
        {text("name", 60)}
        {text("name_en", 60)}
        {text("id", 40, { hint: t("map.source.idHint") })}
        <Field label={t("map.source.grid")} hint={t("map.source.gridHint")}>
          <select
            value={draft.grid}
            onChange={(event) => onDraft({ ...draft, grid: event.currentTarget.value as MapGrid })}
          >
            {MAP_GRIDS.map((grid) => (
              <option key={grid} value={grid}>
                {t(`map.grid.${grid}`)}
              </option>
            ))}
          </select>
        </Field>
      </div>
      <Choice
        label={t("map.source.kind")}
        value={draft.kind}
        options={[
          ["xyz", "XYZ"],
          ["wmts", "WMTS"],
        ]}
        onPick={(kind) => onDraft({ ...draft, kind })}
      />
      {text("url", 1000, {
        // Its braces are those of the address.
        hint: tCode("map.source", wmts ? "urlWmts" : "urlXyz") ?? "",
        placeholder: wmts
          ? "https://t{s}.tianditu.gov.cn/vec_c/wmts?tk={token}"
          : "https://maps.example.cn/{z}/{x}/{y}.png",
      })}
      <div class="form-grid">
        {text("token", 500, {
          secret: true,
          hint: t(draft.has_token ? "map.source.tokenKept" : "map.source.tokenHint"),
        })}
        {text("subdomains", 200, { hint: t("map.source.subdomainsHint") })}
        {wmts && text("layer", 100)}
        {wmts && text("matrix_set", 100)}
        {wmts && text("style", 100)}
        {wmts && text("matrix_prefix", 100, { hint: t("map.source.prefixHint") })}
        {wmts && !template && text("format", 60, { placeholder: "image/png" })}
        {level("min_zoom")}
        {level("max_zoom")}
        <Field label={t("map.source.labels")} hint={t("map.source.labelsHint")}>
          <select value={draft.labels} onChange={(event) => onDraft({ ...draft, labels: event.currentTarget.value })}>
            <option value="">{t("map.source.noLabels")}</option>
            {props.others.map((source) => (
              <option key={source.id} value={source.id}>
                {sourceName(source)}
              </option>
            ))}
          </select>
        </Field>
        {text("attribution", 200)}
        {text("approval", 100)}
        {text("referer", 200)}
      </div>
      <label class="check">
        <input
          type="checkbox"
          checked={draft.base}
          onChange={() => onDraft({ ...draft, base: !draft.base, default: draft.default && !draft.base })}
        />
        <span>{t("map.source.base")}</span>
      </label>
      <label class="check">
        <input
          type="checkbox"
          checked={draft.default}
          disabled={!draft.base}
          onChange={() => onDraft({ ...draft, default: !draft.default })}
        />
        <span>{t("map.source.default")}</span>
      </label>
    </div>
  );
}
