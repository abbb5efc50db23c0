/** Fields of a camera's file as controls, by their names in the API. */
import type { JSX } from "preact";
import { tCode } from "../i18n/t";
import { Field } from "../ui/widgets";
import { type Draft, type Path, valueAt, withValue } from "./draft";
import { fieldName } from "./show";

export interface Editing {
  readonly draft: Draft;
  readonly errors: Readonly<Record<string, string>>;
  /** Fields that are not as they are on file. */
  readonly dirty: ReadonlySet<string>;
  readonly missing: ReadonlySet<string>;
  readonly set: (draft: Draft) => void;
}

const label = (editing: Editing, path: Path): string =>
  `${fieldName(path)}${editing.missing.has(path) ? " *" : ""}${editing.dirty.has(path) ? " ●" : ""}`;

export function TextField({
  editing,
  path,
  hint,
  ...more
}: { editing: Editing; path: Path; hint?: string | undefined } & Omit<JSX.IntrinsicElements["input"], "value">) {
  const value = valueAt(editing.draft, path);
  const nullable = value === null || ["main_url", "sub_url", "username", "asset.ipv4", "asset.ipv6"].includes(path);
  return (
    <Field label={label(editing, path)} error={editing.errors[path]} hint={hint}>
      <input
        autocomplete="off"
        name={path}
        {...(more as object)}
        value={String(value ?? "")}
        onInput={(event) => {
          const text = event.currentTarget.value;
          editing.set(withValue(editing.draft, path, text === "" && nullable ? null : text));
        }}
      />
    </Field>
  );
}

export function NumberField({
  editing,
  path,
  min,
  max,
  step = 1,
  hint,
}: {
  editing: Editing;
  path: Path;
  min: number;
  max: number;
  step?: number;
  hint?: string | undefined;
}) {
  const value = valueAt(editing.draft, path) as number | null;
  return (
    <Field label={label(editing, path)} error={editing.errors[path]} hint={hint}>
      <input
        type="number"
        name={path}
        min={min}
        max={max}
        step={step}
        value={value ?? ""}
        onInput={(event) => {
          const number = event.currentTarget.valueAsNumber;
          editing.set(withValue(editing.draft, path, Number.isFinite(number) ? number : null));
        }}
      />
    </Field>
  );
}

export function PickField({
  editing,
  path,
  options,
}: {
  editing: Editing;
  path: Path;
  options: readonly (readonly [string, string])[];
}) {
  return (
    <Field label={label(editing, path)} error={editing.errors[path]}>
      <select
        name={path}
        value={String(valueAt(editing.draft, path) ?? "")}
        onChange={(event) => editing.set(withValue(editing.draft, path, event.currentTarget.value))}
      >
        {options.map(([value, words]) => (
          <option key={value} value={value}>
            {words}
          </option>
        ))}
      </select>
    </Field>
  );
}

export function CheckField({ editing, path }: { editing: Editing; path: Path }) {
  return (
    <label class="check">
      <input
        type="checkbox"
        name={path}
        checked={valueAt(editing.draft, path) === true}
        onChange={(event) => editing.set(withValue(editing.draft, path, event.currentTarget.checked))}
      />
      {label(editing, path)}
    </label>
  );
}

/** A list of words with "/" between. */
export function ListField({ editing, path, hint }: { editing: Editing; path: Path; hint: string }) {
  const list = (valueAt(editing.draft, path) as string[] | null) ?? [];
  return (
    <Field label={label(editing, path)} error={editing.errors[path]} hint={hint}>
      <input
        autocomplete="off"
        name={path}
        defaultValue={list.join(" / ")}
        onChange={(event) => editing.set(withValue(editing.draft, path, words(event.currentTarget.value)))}
      />
    </Field>
  );
}

export const words = (text: string): string[] =>
  text
    .split(/[/、，,;；]/)
    .map((word) => word.trim())
    .filter(Boolean);

export const FORMS = ["dome", "half-dome", "fixed", "steerable", "checkpoint", "other"] as const;
export const CLASSES = ["1", "2", "3", "4", "9"] as const;
export const formOptions = (): (readonly [string, string])[] => [
  ["", "—"],
  ...FORMS.map((form) => [form, tCode("form", form) ?? form] as const),
];
export const classOptions = (): (readonly [string, string])[] => [
  ["", "—"],
  ...CLASSES.map((one) => [one, tCode("siteClass", one) ?? one] as const),
];
