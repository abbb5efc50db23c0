/** A region added, renamed, moved or taken out; and what it was before. What cannot be is said in the gateway's words. */
import { useState } from "preact/hooks";
import type { Region } from "../domain/region";
import { t } from "../i18n/t";
import { regionName } from "../i18n/words";
import { Button, Dialog, Field, problemWords } from "../ui/widgets";
import { calls } from "./calls";
import { History } from "./history";

export type RegionTask = "add" | "rename" | "move" | "remove" | "history";

interface Props {
  readonly task: RegionTask;
  readonly region: Region;
  readonly onClose: () => void;
  /** The code that is to be looked at now. */
  readonly onDone: (code: string) => void;
}

export function RegionDialog({ task, region, onClose, onDone }: Props) {
  const [code, setCode] = useState(task === "add" ? region.code : task === "move" ? region.code : "");
  const [name, setName] = useState(task === "rename" ? region.name : "");
  const [nameEn, setNameEn] = useState(task === "rename" ? (region.name_en ?? "") : "");
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const act = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    const known = region.revision ?? 0;
    const answer =
      task === "add"
        ? await calls.putRegion(code, { name, name_en: nameEn, place: null, revision: 0 })
        : task === "rename"
          ? await calls.putRegion(region.code, { name, name_en: nameEn, place: region.place ?? null, revision: known })
          : task === "move"
            ? await calls.moveRegion(region.code, code, known)
            : await calls.removeRegion(region.code);
    setBusy(false);
    if (!answer.ok) return setError(problemWords(answer.problem));
    onDone(task === "remove" ? (region.parent ?? "") : task === "rename" ? region.code : code);
  };
  const title = `${t(`region.${task}`)}: ${regionName(region)} (${region.code})`;
  if (task === "history") {
    return (
      <Dialog wide title={title} onClose={onClose}>
        <div class="dialog-body">
          <History read={() => calls.regionHistory(region.code)} turn={region.code} />
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog title={title} onClose={onClose}>
      <form class="dialog-body" onSubmit={(event) => void act(event)}>
        {task === "move" && <p>{t("region.moveText", { name: regionName(region) })}</p>}
        {task === "remove" && <p>{t("region.removeText", { name: regionName(region) })}</p>}
        {(task === "add" || task === "move") && (
          <Field label={t("region.code")} hint={t("region.codeHint")}>
            <input
              name="region-code"
              inputMode="numeric"
              required
              maxLength={12}
              value={code}
              onInput={(event) => setCode(event.currentTarget.value as typeof code)}
            />
          </Field>
        )}
        {(task === "add" || task === "rename") && (
          <>
            <Field label={t("region.name")}>
              <input
                name="region-name"
                required
                maxLength={100}
                value={name}
                onInput={(event) => setName(event.currentTarget.value)}
              />
            </Field>
            <Field label={t("region.nameEn")}>
              <input maxLength={100} value={nameEn} onInput={(event) => setNameEn(event.currentTarget.value)} />
            </Field>
          </>
        )}
        {error && (
          <p class="notice bad" role="alert">
            {error}
          </p>
        )}
        <div class="actions">
          <Button label={t("app.cancel")} onClick={onClose} />
          <Button
            type="submit"
            tone={task === "remove" ? "danger" : "accent"}
            label={task === "remove" ? t("app.delete") : t("app.save")}
            disabled={busy}
          />
        </div>
      </form>
    </Dialog>
  );
}
