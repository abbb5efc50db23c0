/** One wall under a director's hands: its screens in small, the chosen one in large, tiles to drag to, and keys for all of it. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Problem } from "../api/http";
import { events, serverNow } from "../api/store";
import { wallApi } from "../api/walls";
import type { CameraCode } from "../domain/ids";
import { t } from "../i18n/t";
import { CameraTree } from "../ui/camera-tree";
import { Icon } from "../ui/icon";
import { where } from "../ui/router";
import { Button, Choice, toast, toastProblem } from "../ui/widgets";
import { Aside, Mini, Place } from "./director-parts";
import { LayoutsDialog } from "./layouts-dialog";
import {
  alarmTimes,
  cleared,
  emptyTile,
  type Face,
  faceOf,
  freeTile,
  inStep,
  MOST_SCREENS,
  pageOf,
  putCamera,
  type Screen,
  type SharedWall,
  spread,
  withAlarm,
  withFocus,
  withLayout,
  withSet,
} from "./shared";
import { TourDialog } from "./tour-dialog";
import { LAYOUTS, type Layout } from "./url";
import { direct, directAll, present, takeWall, walls } from "./walls";
import { openScreen } from "./windows";

/** The screen that the address names, else the first. */
export function chosenScreen(wall: SharedWall): Screen | undefined {
  const asked = Number(where.value.search.get("s") ?? 0);
  return wall.screens.find((one) => one.screen === asked) ?? wall.screens[0];
}

export function Director({
  wall,
  screen,
  may,
  onScreen,
}: {
  wall: SharedWall;
  screen: Screen;
  may: boolean;
  onScreen: (at: number) => void;
}) {
  const tile = useRef(0);
  const [dialog, setDialog] = useState<"tour" | "layouts" | null>(null);
  const [, again] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => again((n) => n + 1), 1000);
    return () => clearInterval(timer);
  }, []);
  const setTile = (at: number) => {
    tile.current = at;
    again((n) => n + 1);
  };
  // Two keys may come before the page is drawn again: they act on the newest of the wall, the address and the chosen tile,
  // not on what this drawing saw.
  const now = () => {
    const newest = walls.value.get(wall.id) ?? wall;
    const chosen = chosenScreen(newest) ?? screen;
    return { newest, chosen, at: Math.min(tile.current, chosen.layout - 1) };
  };
  const alarms = alarmTimes(events.value, wall.region);
  const here = present.value.get(wall.id) ?? [];
  const tell = (problem: Problem | null, n: number) => {
    if (!problem) return;
    if (problem.code !== "stale") return toastProblem(problem);
    const by = (problem.more as { by?: string } | undefined)?.by ?? "";
    toast(t("walls.stale", { by, n }), true);
  };
  const act = async (change: (face: Face, at: number) => Face) => {
    const { chosen, at } = now();
    if (may) tell(await direct(wall.id, chosen.screen, (face) => change(face, at)), chosen.screen);
  };
  /** The same for all screens whose tours turn with this one's. */
  const actTogether = async (change: (face: Face) => Face) => {
    const { newest, chosen } = now();
    const together = inStep(newest, chosen).map((one) => one.screen);
    if (together.length < 2) return act(change);
    const made = directAll(wall.id, (one, face) => (together.includes(one.screen) ? change(face) : face));
    if (may) tell(await made, chosen.screen);
  };
  const setTour = (tour: Face["tour"], everywhere: boolean) => {
    setDialog(null);
    if (!tour) return void actTogether((face) => ({ ...face, focus: null, tour: null }));
    if (!everywhere) return void act((face) => ({ ...face, focus: null, tour }));
    const { newest, chosen } = now();
    const lists = spread(tour.cameras, newest.screens);
    void directAll(wall.id, (one, face) => {
      const cameras = lists.get(one.screen) ?? [];
      return cameras.length > 0 ? { ...face, focus: null, tour: { ...tour, cameras } } : face;
    }).then((problem) => tell(problem, chosen.screen));
  };
  const put = (camera: CameraCode, to?: number) => {
    const { chosen, at } = now();
    void act((face) => putCamera(face, camera, to ?? (at === face.alarm ? freeTile(face) : at)));
    // The next one goes beside it.
    if (to === undefined) setTile(Math.min(at + 1, chosen.layout - 1));
  };
  const add = async () => {
    const taken = new Set(now().newest.screens.map((one) => one.screen));
    const free = Array.from({ length: MOST_SCREENS }, (_, i) => i + 1).find((n) => !taken.has(n));
    if (!may || free === undefined) return toast(t("walls.mostScreens", { n: MOST_SCREENS }), true);
    const problem = await direct(wall.id, free, () => faceOf(undefined));
    if (problem) tell(problem, free);
    else onScreen(free);
  };
  const drop = async () => {
    const answer = await wallApi.dropScreen(wall.id, screen.screen, screen.revision);
    if (answer.ok) takeWall(answer.value);
    else tell(answer.problem, screen.screen);
  };
  const beside = (by: number) => {
    const { newest, chosen } = now();
    const index = newest.screens.findIndex((one) => one.screen === chosen.screen);
    const next = newest.screens[(index + by + newest.screens.length) % newest.screens.length];
    if (next) onScreen(next.screen);
  };
  const side = Math.sqrt(screen.layout);
  const at = Math.min(tile.current, screen.layout - 1);
  const tourHeld = screen.tour?.held_at !== null;
  const hold = () =>
    void actTogether((face) =>
      face.tour ? { ...face, focus: null, tour: { ...face.tour, held: !face.tour.held } } : face,
    );
  const move = (by: (side: number) => number) => {
    const { chosen, at: from } = now();
    setTile(Math.min(chosen.layout - 1, Math.max(0, from + by(Math.sqrt(chosen.layout)))));
  };
  const keys: Readonly<Record<string, () => void>> = {
    ArrowLeft: () => move(() => -1),
    ArrowRight: () => move(() => 1),
    ArrowUp: () => move((row) => -row),
    ArrowDown: () => move((row) => row),
    "[": () => beside(-1),
    "]": () => beside(1),
    PageUp: () => beside(-1),
    PageDown: () => beside(1),
    Delete: () => void act(emptyTile),
    Enter: () => void act(withFocus),
    " ": hold,
    // Whether one is large is looked at in its turn: the Enter before it may still be on its way.
    Escape: () => void act((face) => (face.focus === null ? face : withFocus(face, null))),
    a: () => void act(withAlarm),
    c: () => void act(cleared),
    t: () => may && setDialog("tour"),
    l: () => may && setDialog("layouts"),
    n: () => void add(),
    w: () => openScreen(wall.id, now().chosen.screen),
    "/": () => document.querySelector<HTMLInputElement>(".camera-tree input")?.focus(),
  };
  const press = useRef(keys);
  press.current = keys;

  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
      const from = event.target as HTMLElement;
      if (from.closest("input, select, textarea, [role=tree], [role=radiogroup]")) return;
      if ((event.key === " " || event.key === "Enter") && from.closest("button, a")) return;
      const layout = /^[1-5]$/.test(event.key) ? LAYOUTS[Number(event.key) - 1] : undefined;
      const action = layout
        ? () => void act((face) => withLayout(face, layout))
        : (press.current[event.key] ?? press.current[event.key.toLowerCase()]);
      if (!action) return;
      event.preventDefault();
      action();
    };
    addEventListener("keydown", key);
    return () => removeEventListener("keydown", key);
  }, [wall.id, may]);

  const page = pageOf(screen, alarms, serverNow());
  const shown = new Set(page.cells.flatMap((cell) => (cell ? [cell.camera] : [])));
  return (
    <div class="director">
      {may && <CameraTree onPick={(code) => put(code)} chosen={shown} />}
      <section class="stage">
        <ul class="screens" aria-label={t("walls.screens")}>
          {wall.screens.map((one) => (
            <li key={one.screen}>
              <Mini
                screen={one}
                page={pageOf(one, alarms, serverNow())}
                here={here.filter((window) => window.screen === one.screen)}
                chosen={one.screen === screen.screen}
                onPick={() => onScreen(one.screen)}
              />
            </li>
          ))}
          {may && wall.screens.length < MOST_SCREENS && (
            <li>
              <button type="button" class="mini add" onClick={() => void add()}>
                <Icon name="plus" size={1.25} />
                {t("walls.addScreen")}
              </button>
            </li>
          )}
        </ul>
        <div class="tools">
          {may && (
            <>
              <Choice
                label={t("wall.layout")}
                value={String(screen.layout)}
                options={LAYOUTS.map((n) => [String(n), String(n)] as const)}
                onPick={(n) => void act((face) => withLayout(face, Number(n) as Layout))}
              />
              <Button
                icon="route"
                label={screen.tour ? t("walls.tourEdit") : t("wall.tour")}
                aria-pressed={screen.tour !== null}
                onClick={() => setDialog("tour")}
              />
              {screen.tour && (
                <Button
                  icon={tourHeld ? "play" : "pause"}
                  label={tourHeld ? t("walls.tourGo") : t("walls.tourHold")}
                  onClick={hold}
                />
              )}
            </>
          )}
          {screen.tour && (
            <span class="dim" role="status">
              {t(page.held ? "walls.tourHeldAt" : "wall.tourOn", { page: page.page + 1, pages: page.pages })}
            </span>
          )}
          <span class="grow" />
          {may && (
            <>
              <Button
                icon="bell"
                label={t("wall.alarmTile")}
                hideLabel
                aria-pressed={screen.alarm !== null}
                onClick={() => void act(withAlarm)}
              />
              <Button icon="save" label={t("layouts.title")} onClick={() => setDialog("layouts")} />
              <Button icon="eraser" label={t("wall.clear")} hideLabel onClick={() => void act(cleared)} />
            </>
          )}
          <Button
            icon="externalLink"
            label={t("walls.openScreen")}
            hideLabel
            onClick={() => openScreen(wall.id, screen.screen)}
          />
          {may && wall.screens.length > 1 && (
            <Button icon="trash" label={t("walls.dropScreen")} hideLabel onClick={() => void drop()} />
          )}
        </div>
        <div
          class={`grid l${screen.layout}`}
          style={{ "--side": side }}
          role="group"
          aria-label={t("walls.screenN", { n: screen.screen })}
        >
          {page.cells.map((cell, i) => (
            <Place
              key={i}
              code={cell?.camera ?? null}
              at={i}
              may={may}
              chosen={i === at}
              alarm={screen.alarm === i}
              large={screen.focus === i}
              onChoose={() => setTile(i)}
              onDrop={(code) => put(code, i)}
              onLarge={() => void act((face) => withFocus(face, i))}
              onRemove={screen.tour ? null : () => void act((face) => emptyTile(face, i))}
            />
          ))}
        </div>
      </section>
      <Aside wall={wall} here={here} />
      {dialog === "tour" && <TourDialog wall={wall} screen={screen} onClose={() => setDialog(null)} onTour={setTour} />}
      {dialog === "layouts" && (
        <LayoutsDialog
          current={{ layout: screen.layout, cells: page.cells, alarm: screen.alarm }}
          onClose={() => setDialog(null)}
          onOpen={(layout) => {
            setDialog(null);
            void act((face) => ({
              ...withSet(face, [], layout.layout),
              alarm: layout.alarm,
              cells: layout.cells,
            }));
          }}
        />
      )}
    </div>
  );
}
