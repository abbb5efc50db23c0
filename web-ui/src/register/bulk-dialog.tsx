/** The same change to many cameras, with a look at what changes before it does. */
import { useState } from "preact/hooks";
import { regionPath, regions } from "../api/store";
import { t } from "../i18n/t";
import { Button, Dialog, Field, problemWords, toast } from "../ui/widgets";
import { calls } from "./calls";
import { classOptions, formOptions, words } from "./field-grid";
import { DifferenceTable } from "./history";
import { fieldName } from "./show";
import type { Bulk, BulkOutcome } from "./types";

const TEXTS = [
  "maker",
  "asset.model",
  "asset.manager",
  "asset.contact",
  "asset.department",
  "asset.police_unit",
  "asset.network",
  "asset.location_type",
  "asset.condition",
  "asset.installed_on",
  "asset.codec",
  "asset.fill_light",
] as const; // prettier-ignore
const NUMBERS = [
  "keep_days",
  "heading",
  "view_angle",
  "view_distance",
  "asset.height_m",
  "asset.main_kbps",
  "asset.sub_kbps",
] as const;
const YES_NO = ["record", "tag", "always", "disabled"] as const;
const FIELDS: readonly string[] = [
  "region",
  "site_class",
  "form",
  "transport",
  ...TEXTS,
  ...NUMBERS,
  ...YES_NO,
  "asset.functions",
];

function first(field: string): unknown {
  if (field === "region") return regions.value[0]?.code ?? "";
  if (field === "site_class") return "1";
  if (field === "form") return "fixed";
  if (field === "transport") return "auto";
  if (field === "keep_days") return 30;
  if (field === "asset.functions") return [];
  if ((NUMBERS as readonly string[]).includes(field)) return null;
  if ((YES_NO as readonly string[]).includes(field)) return true;
  return "";
}

interface Props {
  readonly count: number;
  readonly of: Pick<Bulk, "codes" | "search">;
  readonly onClose: () => void;
  readonly onDone: () => void;
}

export function BulkDialog({ count, of, onClose, onDone }: Props) {
  const [set, setSet] = useState<Readonly<Record<string, unknown>>>({});
  const [add, setAdd] = useState("");
  const [remove, setRemove] = useState("");
  const [told, setTold] = useState<BulkOutcome | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const change = (field: string, value: unknown) => {
    setSet({ ...set, [field]: value });
    setTold(null);
  };
  const send = async (commit: boolean) => {
    setBusy(true);
    setError(null);
    const revisions = Object.fromEntries((told?.changes ?? []).map((one) => [one.code, one.revision]));
    const answer = await calls.bulk({
      ...of,
      set: { ...set },
      add_tags: words(add),
      remove_tags: words(remove),
      ...(commit ? { revisions } : {}),
      commit,
    });
    setBusy(false);
    if (!answer.ok) {
      setTold(null);
      return setError(problemWords(answer.problem));
    }
    setTold(answer.value);
    if (answer.value.committed) {
      toast(t("bulk.done", { n: answer.value.changed }));
      onDone();
      onClose();
    }
  };
  const control = (field: string) => {
    const value = set[field];
    const options =
      field === "region"
        ? regions.value.map((region) => [region.code, `${regionPath(region.code)} (${region.code})`] as const)
        : field === "site_class"
          ? classOptions()
          : field === "form"
            ? formOptions()
            : field === "transport"
              ? ([
                  ["auto", t("admin.auto")],
                  ["tcp", "TCP"],
                  ["udp", "UDP"],
                ] as const)
              : null;
    if (options) {
      return (
        <select value={String(value)} onChange={(event) => change(field, event.currentTarget.value)}>
          {options.map(([key, words]) => (
            <option key={key} value={key}>
              {words}
            </option>
          ))}
        </select>
      );
    }
    if (typeof value === "boolean") {
      return (
        <select value={String(value)} onChange={(event) => change(field, event.currentTarget.value === "true")}>
          <option value="true">{t("reg.yes")}</option>
          <option value="false">{t("reg.no")}</option>
        </select>
      );
    }
    if ((NUMBERS as readonly string[]).includes(field)) {
      return (
        <input
          type="number"
          value={(value as number | null) ?? ""}
          onInput={(event) => {
            const number = event.currentTarget.valueAsNumber;
            change(field, Number.isFinite(number) ? number : null);
          }}
        />
      );
    }
    if (Array.isArray(value)) {
      return (
        <input defaultValue={value.join(" / ")} onChange={(event) => change(field, words(event.currentTarget.value))} />
      );
    }
    return <input value={String(value)} onInput={(event) => change(field, event.currentTarget.value)} />;
  };
  const free = FIELDS.filter((field) => !(field in set));
  const nothing = Object.keys(set).length === 0 && !add.trim() && !remove.trim();
  return (
    <Dialog wide title={t("bulk.title", { n: count })} onClose={onClose}>
      <div class="dialog-body reg-bulk">
        <div class="form-grid">
          {Object.keys(set).map((field) => (
            <div key={field} class="reg-bulk-field">
              <Field label={fieldName(field)}>{control(field)}</Field>
              <Button
                icon="x"
                label={`${t("app.delete")} ${fieldName(field)}`}
                hideLabel
                onClick={() => {
                  const { [field]: _, ...rest } = set;
                  setSet(rest);
                  setTold(null);
                }}
              />
            </div>
          ))}
          <Field label={t("bulk.add")}>
            <select
              name="bulk-field"
              value=""
              onChange={(event) => change(event.currentTarget.value, first(event.currentTarget.value))}
            >
              <option value="">—</option>
              {free.map((field) => (
                <option key={field} value={field}>
                  {fieldName(field)}
                </option>
              ))}
            </select>
          </Field>
          <Field label={t("bulk.addTags")} hint={t("reg.listHint")}>
            <input
              name="add-tags"
              value={add}
              onInput={(event) => {
                setAdd(event.currentTarget.value);
                setTold(null);
              }}
            />
          </Field>
          <Field label={t("bulk.removeTags")} hint={t("reg.listHint")}>
            <input
              value={remove}
              onInput={(event) => {
                setRemove(event.currentTarget.value);
                setTold(null);
              }}
            />
          </Field>
        </div>
        {error && (
          <p class="notice bad" role="alert">
            {error}
          </p>
        )}
        {told && (
          <>
            <p role="status">{t("bulk.changes", { n: told.changed, same: told.same })}</p>
            {told.changes.length > 0 && (
              <div class="scroll reg-bulk-list" tabIndex={0} role="region" aria-label={t("bulk.preview")}>
                {told.changes.slice(0, 100).map((one) => (
                  <div key={one.code}>
                    <strong>{one.name}</strong> <span class="dim small">{one.code}</span>
                    <DifferenceTable rows={one.changes} />
                  </div>
                ))}
                {told.changed > 100 && <p class="dim">{t("bulk.first", { n: 100 })}</p>}
              </div>
            )}
          </>
        )}
        <div class="actions">
          <Button label={t("app.cancel")} onClick={onClose} />
          <Button
            class="bulk-preview"
            label={t("bulk.preview")}
            disabled={busy || nothing}
            onClick={() => void send(false)}
          />
          {told && told.changed > 0 && (
            <Button
              tone="accent"
              icon="check"
              class="bulk-commit"
              label={t("bulk.commit", { n: told.changed })}
              disabled={busy}
              onClick={() => void send(true)}
            />
          )}
        </div>
      </div>
    </Dialog>
  );
}
