/** The file itself: what it is, the device, who keeps it, how it is used. */
import { regionPath, regions } from "../api/store";
import { t } from "../i18n/t";
import { Button, Field } from "../ui/widgets";
import { calls } from "./calls";
import {
  CheckField,
  classOptions,
  type Editing,
  formOptions,
  ListField,
  NumberField,
  PickField,
  TextField,
} from "./field-grid";

export function RecordTab({ editing, isNew }: { editing: Editing; isNew: boolean }) {
  const options = regions.value.map((region) => [region.code, `${regionPath(region.code)} (${region.code})`] as const);
  const next = async () => {
    const centre = `${editing.draft.region.slice(0, 6).padEnd(6, "0")}00`;
    const answer = await calls.nextCode({ centre, industry: "00", type: "132", network: "6" });
    if (answer.ok) editing.set({ ...editing.draft, code: answer.value.code });
  };
  return (
    <div class="reg-form">
      <h3>{t("reg.part.identity")}</h3>
      <div class="form-grid">
        {isNew ? (
          <Field label={t("rf.code")} error={editing.errors.code}>
            <span class="with-button">
              <input
                name="code"
                inputMode="numeric"
                maxLength={20}
                autocomplete="off"
                value={editing.draft.code}
                onInput={(event) => editing.set({ ...editing.draft, code: event.currentTarget.value })}
              />
              <Button label={t("reg.next")} onClick={() => void next()} />
            </span>
          </Field>
        ) : (
          <Field label={t("rf.code")}>
            <input value={editing.draft.code} readOnly />
          </Field>
        )}
        <TextField editing={editing} path="name" maxLength={100} />
        <PickField editing={editing} path="region" options={options} />
        <TextField editing={editing} path="address" />
        <PickField editing={editing} path="site_class" options={classOptions()} />
        <TextField editing={editing} path="asset.common_name" />
        <TextField editing={editing} path="asset.location_type" />
        <ListField editing={editing} path="tags" hint={t("reg.listHint")} />
      </div>
      <h3>{t("reg.part.device")}</h3>
      <div class="form-grid">
        <TextField editing={editing} path="maker" />
        <TextField editing={editing} path="asset.model" />
        <PickField editing={editing} path="form" options={formOptions()} />
        <ListField editing={editing} path="asset.functions" hint={t("reg.listHint")} />
        <TextField editing={editing} path="asset.ipv4" />
        <TextField editing={editing} path="asset.ipv6" />
        <TextField editing={editing} path="asset.mac" placeholder="00:11:22:33:44:55" />
        <TextField editing={editing} path="asset.codec" />
        <TextField editing={editing} path="asset.fill_light" />
        <TextField editing={editing} path="asset.network" />
      </div>
      <h3>{t("reg.part.keep")}</h3>
      <div class="form-grid">
        <TextField editing={editing} path="asset.manager" />
        <TextField editing={editing} path="asset.contact" />
        <TextField editing={editing} path="asset.department" />
        <TextField editing={editing} path="asset.police_unit" />
        <TextField editing={editing} path="asset.installed_on" placeholder="2024-05-31" />
        <TextField editing={editing} path="asset.condition" />
      </div>
      <h3>{t("reg.part.use")}</h3>
      <div class="form-grid">
        <NumberField editing={editing} path="keep_days" min={1} max={3650} />
        <div class="full checks">
          <CheckField editing={editing} path="record" />
          <CheckField editing={editing} path="tag" />
          <CheckField editing={editing} path="always" />
          <CheckField editing={editing} path="disabled" />
        </div>
      </div>
    </div>
  );
}
