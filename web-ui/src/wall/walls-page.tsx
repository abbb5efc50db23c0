/** Where a director sets what the screens of a hall show: walls, their screens, what stands in which tile, and who is there. */
import { useEffect, useState } from "preact/hooks";
import { loaded, user } from "../api/store";
import { wallApi } from "../api/walls";
import { t } from "../i18n/t";
import { navigate, where } from "../ui/router";
import { Button, Dialog, Empty, Loading, problemWords, toastProblem } from "../ui/widgets";
import { chosenScreen, Director } from "./director";
import { KeySheet } from "./key-sheet";
import { LinksDialog } from "./links-dialog";
import { EditWallDialog, NewWallDialog } from "./new-wall";
import type { SharedWall } from "./shared";
import { directs, loadPresent, loadWalls, walls, wallsLoaded } from "./walls";
import "./walls.css";

type Opened = "new" | "edit" | "links" | "remove" | "keys" | null;

export default function WallsPage() {
  const [failed, setFailed] = useState<string | null>(null);
  const [opened, setOpened] = useState<Opened>(null);
  useEffect(() => {
    void loadWalls().then((problem) => setFailed(problem && problemWords(problem)));
  }, []);
  const all = [...walls.value.values()].filter((wall) => wall.seat === null);
  const asked = where.value.search.get("w");
  const wall = all.find((one) => one.id === asked) ?? all[0];
  const screen = wall && chosenScreen(wall);
  useEffect(() => {
    if (wall) void loadPresent(wall.id);
  }, [wall?.id]);
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
      if ((event.target as HTMLElement).closest("input, select, textarea")) return;
      if (event.key === "?") setOpened("keys");
    };
    addEventListener("keydown", key);
    return () => removeEventListener("keydown", key);
  }, []);
  const go = (id: string, at?: number) =>
    navigate(`/walls?w=${encodeURIComponent(id)}${at === undefined ? "" : `&s=${at}`}`, "replace");
  if (failed) {
    return (
      <div class="page">
        <Empty icon="info" title={failed} />
        <Button label={t("app.retry")} onClick={() => void loadWalls().then((p) => setFailed(p && problemWords(p)))} />
      </div>
    );
  }
  if (!wallsLoaded.value || !loaded.value) return <Loading />;
  const may = wall !== undefined && directs(user.value, wall);
  return (
    <div class="walls-page">
      <div class="walls-head">
        <h1>{t("nav.walls")}</h1>
        {all.length > 0 && (
          <label class="pick-wall">
            <span class="hidden-title">{t("walls.wall")}</span>
            <select value={wall?.id ?? ""} onChange={(event) => go(event.currentTarget.value)}>
              {all.map((one) => (
                <option key={one.id} value={one.id}>
                  {one.name}
                </option>
              ))}
            </select>
          </label>
        )}
        {wall?.note && <span class="dim clip">{wall.note}</span>}
        <span class="grow" />
        {may && (
          <>
            <Button icon="pencil" label={t("walls.edit")} hideLabel onClick={() => setOpened("edit")} />
            <Button icon="link" label={t("walls.links")} onClick={() => setOpened("links")} />
            <Button icon="trash" label={t("walls.remove")} hideLabel onClick={() => setOpened("remove")} />
          </>
        )}
        <Button icon="plus" label={t("walls.new")} onClick={() => setOpened("new")} />
        <Button icon="keyboard" label={t("wall.keys")} hideLabel onClick={() => setOpened("keys")} />
      </div>
      {wall && screen ? (
        <Director key={wall.id} wall={wall} screen={screen} may={may} onScreen={(at) => go(wall.id, at)} />
      ) : (
        <Empty
          icon="monitor"
          title={wall ? t("walls.noScreens") : t("walls.none")}
          hint={wall ? undefined : t("walls.noneHint")}
        />
      )}
      {opened === "new" && <NewWallDialog onClose={() => setOpened(null)} onMade={(id) => go(id, 1)} />}
      {opened === "edit" && wall && <EditWallDialog wall={wall} onClose={() => setOpened(null)} />}
      {opened === "links" && wall && <LinksDialog wall={wall} onClose={() => setOpened(null)} />}
      {opened === "remove" && wall && <RemoveDialog wall={wall} onClose={() => setOpened(null)} />}
      {opened === "keys" && <KeySheet of="director" onClose={() => setOpened(null)} />}
    </div>
  );
}

function RemoveDialog({ wall, onClose }: { wall: SharedWall; onClose: () => void }) {
  const remove = async () => {
    const answer = await wallApi.remove(wall);
    if (!answer.ok) toastProblem(answer.problem);
    onClose();
  };
  return (
    <Dialog title={t("walls.removeTitle", { name: wall.name })} onClose={onClose}>
      <div class="dialog-body">
        <p>{t("walls.removeHint")}</p>
        <div class="actions">
          <Button label={t("app.cancel")} onClick={onClose} />
          <Button tone="danger" icon="trash" label={t("walls.remove")} onClick={() => void remove()} />
        </div>
      </div>
    </Dialog>
  );
}
