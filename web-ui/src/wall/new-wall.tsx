/** A wall of a hall comes to be, and is called otherwise. */
import { useState } from "preact/hooks";
import { regions, user } from "../api/store";
import { wallApi } from "../api/walls";
import type { RegionCode } from "../domain/ids";
import { t } from "../i18n/t";
import { regionName } from "../i18n/words";
import { Button, Dialog, Field, problemWords } from "../ui/widgets";
import { type Face, faceOf, MOST_SCREENS, type SharedWall } from "./shared";
import { direct, takeWall } from "./walls";

const LEGAL = /^[a-z0-9-]{1,50}$/;

export function NewWallDialog({ onClose, onMade }: { onClose: () => void; onMade: (id: string) => void }) {
  const [name, setName] = useState("");
  const [id, setId] = useState("");
  const [region, setRegion] = useState<string>(user.value?.region ?? "");
  const [screens, setScreens] = useState(2);
  const [error, setError] = useState<string | null>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    const empty: Record<number, Face> = {};
    for (let n = 1; n <= Math.min(MOST_SCREENS, Math.max(1, screens)); n++)
      empty[n] = { ...faceOf(undefined), layout: 9 };
    const answer = await wallApi.put(id, { name, region: region as RegionCode, revision: 0, screens: empty });
    if (!answer.ok) {
      setError(answer.problem.code === "stale" ? t("walls.idTaken") : problemWords(answer.problem));
      return;
    }
    takeWall(answer.value);
    onMade(id);
    onClose();
  };
  return (
    <Dialog title={t("walls.new")} onClose={onClose}>
      <form class="dialog-body" onSubmit={(event) => void submit(event)}>
        <Field label={t("walls.name")}>
          <input
            name="name"
            value={name}
            maxLength={100}
            required
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </Field>
        <Field
          label={t("walls.id")}
          hint={t("walls.idHint")}
          error={id && !LEGAL.test(id) ? t("walls.idWrong") : undefined}
        >
          <input name="id" value={id} maxLength={50} required onInput={(event) => setId(event.currentTarget.value)} />
        </Field>
        <Field label={t("walls.region")}>
          <select value={region} onChange={(event) => setRegion(event.currentTarget.value)}>
            {regions.value.map((one) => (
              <option key={one.code} value={one.code}>
                {regionName(one)}
              </option>
            ))}
          </select>
        </Field>
        <Field label={t("walls.screenCount")}>
          <input
            name="screens"
            type="number"
            min={1}
            max={MOST_SCREENS}
            value={screens}
            onInput={(event) => setScreens(event.currentTarget.valueAsNumber)}
          />
        </Field>
        {error && (
          <p class="bad" role="alert">
            {error}
          </p>
        )}
        <div class="actions">
          <Button label={t("app.cancel")} onClick={onClose} />
          <Button type="submit" tone="accent" label={t("app.save")} disabled={!name.trim() || !LEGAL.test(id)} />
        </div>
      </form>
    </Dialog>
  );
}

export function EditWallDialog({ wall, onClose }: { wall: SharedWall; onClose: () => void }) {
  const [name, setName] = useState(wall.name);
  const [note, setNote] = useState(wall.note);
  const [names, setNames] = useState<Readonly<Record<number, string>>>(
    Object.fromEntries(wall.screens.map((one) => [one.screen, one.name])),
  );
  const [error, setError] = useState<string | null>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (name !== wall.name || note !== wall.note) {
      const answer = await wallApi.rename(wall, name, note);
      if (!answer.ok) return setError(problemWords(answer.problem));
      takeWall(answer.value);
    }
    for (const one of wall.screens) {
      const given = names[one.screen] ?? "";
      if (given === one.name) continue;
      const problem = await direct(wall.id, one.screen, (face) => ({ ...face, name: given }));
      if (problem) return setError(problemWords(problem));
    }
    onClose();
  };
  return (
    <Dialog title={t("walls.edit")} onClose={onClose}>
      <form class="dialog-body" onSubmit={(event) => void submit(event)}>
        <Field label={t("walls.name")}>
          <input value={name} maxLength={100} required onInput={(event) => setName(event.currentTarget.value)} />
        </Field>
        <Field label={t("walls.note")}>
          <input value={note} maxLength={500} onInput={(event) => setNote(event.currentTarget.value)} />
        </Field>
        {wall.screens.map((one) => (
          <Field key={one.screen} label={t("walls.screenName", { n: one.screen })}>
            <input
              value={names[one.screen] ?? ""}
              maxLength={50}
              onInput={(event) => setNames({ ...names, [one.screen]: event.currentTarget.value })}
            />
          </Field>
        ))}
        {error && (
          <p class="bad" role="alert">
            {error}
          </p>
        )}
        <div class="actions">
          <Button label={t("app.cancel")} onClick={onClose} />
          <Button type="submit" tone="accent" label={t("app.save")} disabled={!name.trim()} />
        </div>
      </form>
    </Dialog>
  );
}
