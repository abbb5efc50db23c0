import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { api } from "../api/client";
import { regionPath, takeCamera, tree } from "../api/store";
import { isCameraCode } from "../domain/ids";
import type { Camera } from "../domain/types";
import { t, tCode } from "../i18n/t";
import { Button, Field, toast } from "../ui/widgets";
import { BLANK, type Draft, draftOf, recordOf } from "./camera-record";
import { type FieldErrors, fieldErrors, NO_ERRORS } from "./field-errors";

const FORMS = ["dome", "half-dome", "fixed", "steerable", "checkpoint", "other"] as const;
const CLASSES = ["1", "2", "3", "4", "9"] as const;

export function CameraForm({ camera, onClose }: { camera: Camera | null; onClose: () => void }) {
  const [draft, setDraft] = useState<Draft>(() => draftOf(camera));
  const [errors, setErrors] = useState<FieldErrors>(NO_ERRORS);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    if (!camera) return;
    void api.camera(camera.code).then((result) => {
      if (!result.ok) return;
      setDraft(draftOf(result.value));
    });
  }, [camera]);
  const set = <K extends keyof Draft>(key: K, value: Draft[K]) => setDraft((old) => ({ ...old, [key]: value }));

  const submit = async (event: Event) => {
    event.preventDefault();
    if (!isCameraCode(draft.code)) return setErrors({ byField: { code: t("admin.codeShape") }, rest: null });
    setBusy(true);
    const record = recordOf(draft);
    const result = camera ? await api.putCamera(camera.code, record) : await api.addCamera(record);
    setBusy(false);
    if (!result.ok) return setErrors(fieldErrors(result.problem, [...Object.keys(BLANK), "place"]));
    takeCamera(result.value);
    toast(t("admin.saved"));
    onClose();
  };

  const at = (key: string) => errors.byField[key];
  const text = (key: keyof Draft, label: string, more: JSX.IntrinsicElements["input"] = {}, hint?: string) => (
    <Field label={label} error={at(key)} hint={hint}>
      <input
        value={String(draft[key] ?? "")}
        autocomplete="off"
        {...(more as object)}
        onInput={(event) => set(key, event.currentTarget.value as never)}
      />
    </Field>
  );
  const number = (key: keyof Draft, label: string, min: number, max: number, step = 1) => (
    <Field label={label} error={at(key)}>
      <input
        type="number"
        min={min}
        max={max}
        step={step}
        value={draft[key] === null ? "" : String(draft[key])}
        onInput={(event) => {
          const value = event.currentTarget.valueAsNumber;
          set(key, (Number.isFinite(value) ? value : null) as never);
        }}
      />
    </Field>
  );
  const pick = (key: keyof Draft, label: string, options: readonly (readonly [string, string])[]) => (
    <Field label={label} error={at(key)}>
      <select value={String(draft[key])} onChange={(event) => set(key, event.currentTarget.value as never)}>
        {options.map(([value, words]) => (
          <option key={value} value={value}>
            {words}
          </option>
        ))}
      </select>
    </Field>
  );
  const check = (key: "always" | "record" | "tag" | "disabled", label: string) => (
    <label class="check">
      <input type="checkbox" checked={draft[key]} onChange={(event) => set(key, event.currentTarget.checked)} />
      {label}
    </label>
  );
  const keep = camera ? t("admin.urlKeep") : undefined;
  const regions = [...tree.value.regions.values()].map(
    (region) => [region.code, `${regionPath(region.code)} (${region.code})`] as const,
  );

  return (
    <form class="dialog-body" onSubmit={submit}>
      <div class="form-grid">
        {text("code", t("admin.code"), {
          required: true,
          inputMode: "numeric",
          maxLength: 20,
          disabled: camera !== null,
        })}
        {text("name", t("camera.name"), { required: true, maxLength: 100 })}
        {pick("region", t("camera.region"), regions)}
        {text("main_url", t("admin.mainUrl"), { required: !camera, placeholder: "rtsp://" }, keep)}
        {text("sub_url", t("admin.subUrl"), { placeholder: "rtsp://" }, keep)}
        {pick("transport", t("admin.transport"), [
          ["auto", t("admin.auto")],
          ["tcp", "TCP"],
          ["udp", "UDP"],
        ])}
        {text("username", t("admin.username"), {}, camera ? t("admin.passwordKeep") : undefined)}
        <Field label={t("admin.password")} error={at("password")} hint={camera ? t("admin.passwordKeep") : undefined}>
          <input
            type="password"
            autocomplete="new-password"
            value={draft.password}
            onInput={(event) => set("password", event.currentTarget.value)}
          />
        </Field>
        {text("maker", t("admin.maker"))}
        {text("address", t("camera.address"))}
        {number("lon", t("admin.lon"), -180, 180, 0.000001)}
        {number("lat", t("admin.lat"), -90, 90, 0.000001)}
        {number("heading", t("admin.heading"), 0, 359)}
        {number("view_angle", t("admin.angle"), 1, 360)}
        {number("view_distance", t("admin.distance"), 1, 5000)}
        {pick(
          "form",
          t("admin.form"),
          FORMS.map((form) => [form, tCode("form", form) ?? form] as const),
        )}
        {pick(
          "site_class",
          t("admin.siteClass"),
          CLASSES.map((one) => [one, tCode("siteClass", one) ?? one] as const),
        )}
        {number("keep_days", t("admin.keepDays"), 1, 3650)}
        {text("tags", t("admin.tags"))}
        <div class="full checks">
          {check("record", t("admin.record"))}
          {check("always", t("admin.always"))}
          {check("tag", t("admin.tag"))}
          {check("disabled", t("admin.disabled"))}
        </div>
      </div>
      {(errors.rest ?? at("place")) && (
        <p class="notice bad" role="alert">
          {errors.rest ?? at("place")}
        </p>
      )}
      <div class="actions">
        <Button label={t("app.cancel")} onClick={onClose} />
        <Button type="submit" tone="accent" label={t("app.save")} disabled={busy} />
      </div>
    </form>
  );
}
