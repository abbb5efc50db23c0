/** A group made, changed or taken away; cameras that are selected go into it, or out. */
import { useState } from "preact/hooks";
import { t } from "../i18n/t";
import { Button, Dialog, Field, problemWords, toast } from "../ui/widgets";
import { calls } from "./calls";
import { GROUP_KINDS, type Group, type GroupKind } from "./types";

interface Props {
  /** None: a new one. */
  readonly group: Group | null;
  readonly groups: readonly Group[];
  readonly selected: readonly string[];
  readonly onClose: () => void;
  readonly onDone: () => void;
}

export function GroupDialog({ group, groups, selected, onClose, onDone }: Props) {
  const [into, setInto] = useState(group?.id ?? "");
  const known = groups.find((one) => one.id === into) ?? null;
  const [id, setId] = useState("");
  const [name, setName] = useState(group?.name ?? "");
  const [kind, setKind] = useState<GroupKind>(group?.kind ?? "river");
  const [note, setNote] = useState(group?.note ?? "");
  const [error, setError] = useState<string | null>(null);
  const put = async (cameras: readonly string[]) => {
    const answer = await calls.putGroup(known?.id ?? id, {
      name: known && !group ? known.name : name,
      kind: known && !group ? known.kind : kind,
      note: known && !group ? known.note : note,
      cameras,
    });
    if (!answer.ok) return setError(problemWords(answer.problem));
    toast(t("group.saved"));
    onDone();
  };
  const remove = async () => {
    if (!group) return;
    const answer = await calls.removeGroup(group.id);
    if (!answer.ok) return setError(problemWords(answer.problem));
    onDone();
  };
  const members = known?.cameras ?? [];
  const joined = [...new Set([...members, ...selected])];
  const left = members.filter((code) => !selected.includes(code));
  return (
    <Dialog title={group ? group.name : t("group.title")} onClose={onClose}>
      <form
        class="dialog-body"
        onSubmit={(event) => {
          event.preventDefault();
          void put(joined);
        }}
      >
        {!group && groups.length > 0 && (
          <Field label={t("group.title")}>
            <select value={into} onChange={(event) => setInto(event.currentTarget.value)}>
              <option value="">{t("group.new")}</option>
              {groups.map((one) => (
                <option key={one.id} value={one.id}>
                  {one.name} ({one.cameras.length})
                </option>
              ))}
            </select>
          </Field>
        )}
        {!known && (
          <Field label={t("group.id")}>
            <input
              name="group-id"
              required
              pattern="[a-z0-9\-]{1,40}"
              value={id}
              onInput={(event) => setId(event.currentTarget.value)}
            />
          </Field>
        )}
        {(!known || group) && (
          <>
            <Field label={t("region.name")}>
              <input
                name="group-name"
                required
                maxLength={100}
                value={name}
                onInput={(event) => setName(event.currentTarget.value)}
              />
            </Field>
            <Field label={t("group.kind")}>
              <select value={kind} onChange={(event) => setKind(event.currentTarget.value as GroupKind)}>
                {GROUP_KINDS.map((one) => (
                  <option key={one} value={one}>
                    {t(`group.kind.${one}`)}
                  </option>
                ))}
              </select>
            </Field>
            <Field label={t("group.note")}>
              <input maxLength={500} value={note} onInput={(event) => setNote(event.currentTarget.value)} />
            </Field>
          </>
        )}
        <p class="dim">
          {t("reg.selected", { n: selected.length })} · {t("reg.found", { n: joined.length })}
        </p>
        {error && (
          <p class="notice bad" role="alert">
            {error}
          </p>
        )}
        <div class="actions">
          {group && <Button tone="danger" icon="trash" label={t("group.remove")} onClick={() => void remove()} />}
          {selected.length > 0 && left.length < members.length && (
            <Button label={t("group.takeOut")} onClick={() => void put(left)} />
          )}
          <Button type="submit" tone="accent" label={t("app.save")} />
        </div>
      </form>
    </Dialog>
  );
}
