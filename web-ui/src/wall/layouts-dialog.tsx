/** Layouts that are kept under a name: one's own, those of the region, those of an incident. All of it by keys. */
import { useEffect, useRef, useState } from "preact/hooks";
import { openIncidents, user } from "../api/store";
import { wallApi } from "../api/walls";
import type { IncidentId } from "../domain/ids";
import { t } from "../i18n/t";
import { Button, Dialog, Empty, Field, Loading, toast, toastProblem } from "../ui/widgets";
import type { Cell, NewLayout, SavedLayout } from "./shared";
import type { Layout } from "./url";
import "./walls.css";

export interface Standing {
  readonly layout: Layout;
  readonly cells: readonly (Cell | null)[];
  readonly alarm: number | null;
}

export function LayoutsDialog({
  current,
  incident = null,
  onClose,
  onOpen,
}: {
  /** What stands now, to be kept; `null`: nothing does. */
  current: Standing | null;
  incident?: IncidentId | null;
  onClose: () => void;
  onOpen: (layout: SavedLayout) => void;
}) {
  const [all, setAll] = useState<readonly SavedLayout[] | null>(null);
  const [renaming, setRenaming] = useState<number | null>(null);
  const [removing, setRemoving] = useState<number | null>(null);
  const list = useRef<HTMLUListElement>(null);
  const read = async () => {
    const answer = await wallApi.layouts(incident ?? undefined);
    if (answer.ok) setAll(answer.value);
    else toastProblem(answer.problem);
  };
  useEffect(() => void read(), []);
  useEffect(() => {
    list.current?.querySelector<HTMLButtonElement>(".layout-open")?.focus();
  }, [all === null]);
  const remove = async (layout: SavedLayout) => {
    setRemoving(null);
    const answer = await wallApi.forget(layout.id);
    if (!answer.ok) toastProblem(answer.problem);
    await read();
  };
  const rename = async (layout: SavedLayout, name: string) => {
    setRenaming(null);
    if (!name.trim() || name.trim() === layout.name) return;
    const { cells, alarm, shared, revision } = layout;
    const body: NewLayout = { name, layout: layout.layout, cells, alarm, shared, incident: layout.incident, revision };
    const answer = await wallApi.change(layout.id, body);
    if (!answer.ok) toastProblem(answer.problem);
    await read();
  };
  const move = (event: KeyboardEvent, by: number) => {
    const buttons = [...(list.current?.querySelectorAll<HTMLButtonElement>(".layout-open") ?? [])];
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    buttons[Math.min(buttons.length - 1, Math.max(0, at + by))]?.focus();
    event.preventDefault();
  };
  const key = (event: KeyboardEvent) => {
    if ((event.target as HTMLElement).closest("input")) return;
    const row = (event.target as HTMLElement).closest<HTMLElement>("[data-layout]");
    const layout = all?.find((one) => String(one.id) === row?.dataset["layout"]);
    if (event.key === "ArrowDown") move(event, 1);
    else if (event.key === "ArrowUp") move(event, -1);
    else if (event.key === "Delete" && layout?.mine) setRemoving(layout.id);
    else if (event.key === "F2" && layout?.mine) setRenaming(layout.id);
  };
  return (
    <Dialog title={t("layouts.title")} onClose={onClose}>
      <div class="dialog-body layouts">
        {current && <Keep current={current} incident={incident} all={all ?? []} onKept={() => void read()} />}
        {all === null && <Loading />}
        {all?.length === 0 && <Empty icon="save" title={t("layouts.none")} hint={t("layouts.noneHint")} />}
        {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- keys beside those of its buttons */}
        <ul ref={list} onKeyDown={key}>
          {all?.map((layout) => (
            <li key={layout.id} data-layout={layout.id}>
              {renaming === layout.id ? (
                <Rename layout={layout} onDone={(name) => void rename(layout, name)} />
              ) : (
                <button type="button" class="layout-open" onClick={() => onOpen(layout)}>
                  <strong class="clip">{layout.name}</strong>
                  <span class="dim clip">{about(layout)}</span>
                </button>
              )}
              {removing === layout.id ? (
                <>
                  <Button tone="danger" label={t("layouts.removeNow")} onClick={() => void remove(layout)} />
                  <Button label={t("app.cancel")} onClick={() => setRemoving(null)} />
                </>
              ) : (
                layout.mine && (
                  <>
                    <Button
                      icon="pencil"
                      label={`${t("layouts.rename")}: ${layout.name}`}
                      hideLabel
                      onClick={() => setRenaming(layout.id)}
                    />
                    <Button
                      icon="trash"
                      label={`${t("app.delete")}: ${layout.name}`}
                      hideLabel
                      onClick={() => setRemoving(layout.id)}
                    />
                  </>
                )
              )}
            </li>
          ))}
        </ul>
        <p class="dim small">{t("layouts.keys")}</p>
      </div>
    </Dialog>
  );
}

function about(layout: SavedLayout): string {
  const count = layout.cells.filter((cell) => cell !== null).length;
  const parts = [t("layouts.about", { n: layout.layout, cameras: count })];
  const incident = openIncidents.value.find((one) => one.id === layout.incident);
  if (incident) parts.push(incident.title);
  else if (layout.incident) parts.push(t("layouts.ofIncident"));
  parts.push(layout.shared ? t("layouts.sharedBy", { by: layout.owner }) : t("layouts.own"));
  return parts.join(" · ");
}

function Rename({ layout, onDone }: { layout: SavedLayout; onDone: (name: string) => void }) {
  const [name, setName] = useState(layout.name);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.select(), []);
  return (
    <input
      ref={input}
      value={name}
      maxLength={100}
      aria-label={t("layouts.name")}
      onInput={(event) => setName(event.currentTarget.value)}
      onBlur={() => onDone(name)}
      onKeyDown={(event) => {
        if (event.key === "Enter") onDone(name);
        if (event.key === "Escape") {
          event.stopPropagation();
          event.preventDefault();
          onDone(layout.name);
        }
      }}
    />
  );
}

function Keep({
  current,
  incident,
  all,
  onKept,
}: {
  current: Standing;
  incident: IncidentId | null;
  all: readonly SavedLayout[];
  onKept: () => void;
}) {
  const [name, setName] = useState("");
  const [of, setOf] = useState<string>(incident ?? "");
  const handles = user.value?.role === "administrator" || user.value?.role === "operator";
  const [shared, setShared] = useState(incident !== null && handles);
  const same = all.find((one) => one.mine && one.name === name.trim());
  const keep = async (event: Event) => {
    event.preventDefault();
    if (!name.trim()) return;
    const body: NewLayout = {
      name,
      layout: current.layout,
      cells: current.cells.slice(0, 25),
      alarm: current.alarm,
      shared,
      incident: (of || null) as IncidentId | null,
    };
    const answer = same
      ? await wallApi.change(same.id, { ...body, revision: same.revision })
      : await wallApi.keep(body);
    if (!answer.ok) return toastProblem(answer.problem);
    toast(t("layouts.kept", { name: name.trim() }));
    setName("");
    onKept();
  };
  return (
    <form class="keep" onSubmit={(event) => void keep(event)}>
      <Field label={t("layouts.keepAs")}>
        <input value={name} maxLength={100} name="layout" onInput={(event) => setName(event.currentTarget.value)} />
      </Field>
      <Field label={t("layouts.incident")}>
        <select value={of} onChange={(event) => setOf(event.currentTarget.value)}>
          <option value="">{t("app.none")}</option>
          {openIncidents.value.map((one) => (
            <option key={one.id} value={one.id}>
              {one.title}
            </option>
          ))}
        </select>
      </Field>
      {handles && (
        <label class="check">
          <input type="checkbox" checked={shared} onChange={(event) => setShared(event.currentTarget.checked)} />
          <span>{t("layouts.share")}</span>
        </label>
      )}
      <Button
        type="submit"
        icon="save"
        tone="accent"
        label={same ? t("layouts.replace") : t("app.save")}
        disabled={!name.trim()}
      />
    </form>
  );
}
