/** What is to be free of each disk once the oldest recordings have begun to go: shown, and set by administrators of the district. */
import { useState } from "preact/hooks";
import { archive } from "../api/archive";
import { user } from "../api/store";
import type { FreeTarget, Storage } from "../domain/storage";
import { t } from "../i18n/t";
import { bytes } from "../i18n/words";
import { Button, Choice, Dialog, Field, problemWords, toast } from "../ui/widgets";
import { Stat } from "./parts";
import { GIB, targetOf } from "./storage-logic";

/** Codes of a district and what is above it are no longer: the disks are everybody's. */
const DISTRICT_DIGITS = 6;

export function FreeTargetStat({ storage, onSet }: { storage: Storage; onSet: () => void }) {
  const [open, setOpen] = useState(false);
  const target = storage.free_target;
  const may = user.value?.role === "administrator" && user.value.region.length <= DISTRICT_DIGITS;
  return (
    <>
      <Stat
        label={t("recplan.target")}
        value={
          <div class="with-button">
            {bytes(target.bytes)}
            {may && <Button icon="pencil" label={t("target.change")} hideLabel onClick={() => setOpen(true)} />}
          </div>
        }
        hint={t("recplan.targetHint", { least: bytes(target.least_bytes), target: bytes(target.bytes) })}
      />
      {open && <Change target={target} onClose={() => setOpen(false)} onSet={onSet} />}
    </>
  );
}

interface ChangeProps {
  readonly target: FreeTarget;
  readonly onClose: () => void;
  readonly onSet: () => void;
}

function Change({ target, onClose, onSet }: ChangeProps) {
  const [own, setOwn] = useState(target.said === "page");
  const [text, setText] = useState(String(Number((target.bytes / GIB).toFixed(1))));
  const [error, setError] = useState<string | null>(null);
  const wanted = own ? targetOf(text, target) : null;
  const bounds = {
    least: bytes(target.least_bytes),
    most: target.most_bytes === null ? "∞" : bytes(target.most_bytes),
  };
  const submit = async (event: Event) => {
    event.preventDefault();
    if (own && wanted === null) return;
    const answer = await archive.setFreeTarget(wanted);
    if (!answer.ok) return setError(problemWords(answer.problem));
    toast(t("target.saved", { bytes: bytes(answer.value.bytes) }));
    onSet();
    onClose();
  };
  return (
    <Dialog title={t("target.title")} onClose={onClose}>
      <form class="dialog-body hold-form" onSubmit={(event) => void submit(event)}>
        <p>{t("target.lead", bounds)}</p>
        <Choice
          label={t("target.title")}
          value={own ? "own" : "configured"}
          options={[
            ["configured", t("target.configured", { bytes: bytes(target.configured_bytes) })],
            ["own", t("target.own")],
          ]}
          onPick={(one) => setOwn(one === "own")}
        />
        {own && (
          <Field label={t("target.bytes")}>
            <input
              type="number"
              required
              autofocus
              step="any"
              min={Math.ceil((target.least_bytes / GIB) * 10) / 10}
              {...(target.most_bytes === null ? {} : { max: Math.floor((target.most_bytes / GIB) * 10) / 10 })}
              value={text}
              onInput={(event) => setText(event.currentTarget.value)}
            />
          </Field>
        )}
        {own && wanted === null && <p class="notice warn">{t("target.bounds", bounds)}</p>}
        {error && (
          <p class="notice bad" role="alert">
            {error}
          </p>
        )}
        <div class="actions">
          <Button label={t("app.cancel")} onClick={onClose} />
          <Button type="submit" tone="accent" label={t("target.save")} disabled={own && wanted === null} />
        </div>
      </form>
    </Dialog>
  );
}
