/** One wall under a director's hands: its screens in small, the chosen one in large, tiles to drag to, and keys for all of it. */
import { useEffect, useRef, useState } from "preact/hooks";
import { snapshotUrl } from "../api/client";
import type { Problem } from "../api/http";
import { cameras, events, serverNow } from "../api/store";
import { wallApi } from "../api/walls";
import type { CameraCode } from "../domain/ids";
import { t, tCode } from "../i18n/t";
import { shortTime } from "../i18n/words";
import { CAMERA_MIME, CameraTree } from "../ui/camera-tree";
import { Icon } from "../ui/icon";
import { Button, Choice, toast, toastProblem } from "../ui/widgets";
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
  type Page,
  type Present,
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
import { direct, directAll, present, takeWall } from "./walls";
import { openScreen } from "./windows";

/** A still of a tile is fetched anew after so long: a director sees what the hall sees without pulling every stream again. */
const STILL_MS = 10_000;

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
  const [tile, setTile] = useState(0);
  const [dialog, setDialog] = useState<"tour" | "layouts" | null>(null);
  const [, second] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => second((n) => n + 1), 1000);
    return () => clearInterval(timer);
  }, []);
  const alarms = alarmTimes(events.value, wall.region);
  const here = present.value.get(wall.id) ?? [];
  const at = Math.min(tile, screen.layout - 1);
  const tell = (problem: Problem | null) => {
    if (!problem) return;
    if (problem.code !== "stale") return toastProblem(problem);
    const by = (problem.more as { by?: string } | undefined)?.by ?? "";
    toast(t("walls.stale", { by, n: screen.screen }), true);
  };
  const act = async (change: (face: Face) => Face) => {
    if (may) tell(await direct(wall.id, screen.screen, change));
  };
  /** The same for all screens whose tours turn with this one's. */
  const actTogether = async (change: (face: Face) => Face) => {
    const together = inStep(wall, screen).map((one) => one.screen);
    if (together.length < 2) return act(change);
    if (may) tell(await directAll(wall.id, (one, face) => (together.includes(one.screen) ? change(face) : face)));
  };
  const setTour = (tour: Face["tour"], everywhere: boolean) => {
    setDialog(null);
    if (!tour) return void actTogether((face) => ({ ...face, focus: null, tour: null }));
    if (!everywhere) return void act((face) => ({ ...face, focus: null, tour }));
    const lists = spread(tour.cameras, wall.screens);
    void directAll(wall.id, (one, face) => {
      const cameras = lists.get(one.screen) ?? [];
      return cameras.length > 0 ? { ...face, focus: null, tour: { ...tour, cameras } } : face;
    }).then(tell);
  };
  const put = (camera: CameraCode, to?: number) => {
    void act((face) => {
      const target = to ?? (face.cells[at] && !face.cells[at + 1] ? at : at === face.alarm ? freeTile(face) : at);
      return putCamera(face, camera, target);
    });
    // The next one goes beside it.
    if (to === undefined) setTile(Math.min(at + 1, screen.layout - 1));
  };
  const add = async () => {
    const taken = new Set(wall.screens.map((one) => one.screen));
    const free = Array.from({ length: MOST_SCREENS }, (_, i) => i + 1).find((n) => !taken.has(n));
    if (free === undefined) return toast(t("walls.mostScreens", { n: MOST_SCREENS }), true);
    const problem = await direct(wall.id, free, () => ({ ...faceOf(undefined) }));
    if (problem) toastProblem(problem);
    else onScreen(free);
  };
  const drop = async () => {
    const answer = await wallApi.dropScreen(wall.id, screen.screen, screen.revision);
    if (answer.ok) takeWall(answer.value);
    else toastProblem(answer.problem);
  };
  const beside = (by: number) => {
    const index = wall.screens.findIndex((one) => one.screen === screen.screen);
    const next = wall.screens[(index + by + wall.screens.length) % wall.screens.length];
    if (next) onScreen(next.screen);
  };
  const side = Math.sqrt(screen.layout);
  const tourHeld = screen.tour?.held_at !== null;
  const hold = () =>
    void actTogether((face) => (face.tour ? { ...face, focus: null, tour: { ...face.tour, held: !tourHeld } } : face));

  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
      const from = event.target as HTMLElement;
      if (from.closest("input, select, textarea, [role=tree], [role=radiogroup]")) return;
      if ((event.key === " " || event.key === "Enter") && from.closest("button, a")) return;
      const layout = /^[1-5]$/.test(event.key) ? LAYOUTS[Number(event.key) - 1] : undefined;
      const move = (by: number) => setTile(Math.min(screen.layout - 1, Math.max(0, at + by)));
      const actions: Record<string, () => void> = {
        ArrowLeft: () => move(-1),
        ArrowRight: () => move(1),
        ArrowUp: () => move(-side),
        ArrowDown: () => move(side),
        "[": () => beside(-1),
        "]": () => beside(1),
        PageUp: () => beside(-1),
        PageDown: () => beside(1),
        Delete: () => void act((face) => emptyTile(face, at)),
        Enter: () => void act((face) => withFocus(face, at)),
        " ": hold,
        Escape: () => void act((face) => (face.focus === null ? face : withFocus(face, null))),
        a: () => void act((face) => withAlarm(face, at)),
        c: () => void act(cleared),
        t: () => setDialog("tour"),
        l: () => setDialog("layouts"),
        n: () => void add(),
        w: () => openScreen(wall.id, screen.screen),
        "/": () => document.querySelector<HTMLInputElement>(".camera-tree input")?.focus(),
      };
      const action = layout
        ? () => void act((face) => withLayout(face, layout))
        : (actions[event.key] ?? actions[event.key.toLowerCase()]);
      if (!action || (event.key === "Escape" && screen.focus === null)) return;
      event.preventDefault();
      action();
    };
    addEventListener("keydown", key);
    return () => removeEventListener("keydown", key);
  });

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
                onClick={() => void act((face) => withAlarm(face, at))}
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

function Mini({
  screen,
  page,
  here,
  chosen,
  onPick,
}: {
  screen: Screen;
  page: Page;
  here: readonly Present[];
  chosen: boolean;
  onPick: () => void;
}) {
  const side = Math.sqrt(screen.layout);
  const behind = here.some((window) => window.revision !== screen.revision);
  const state = here.length === 0 ? t("walls.absent") : behind ? t("walls.behind") : t("walls.there");
  return (
    <button
      type="button"
      class={chosen ? "mini chosen" : "mini"}
      aria-pressed={chosen}
      data-screen={screen.screen}
      data-present={here.length}
      onClick={onPick}
    >
      <span class="mini-head">
        <strong>{screen.screen}</strong>
        <span class="clip grow">{screen.name || t("walls.screenN", { n: screen.screen })}</span>
        <span class={here.length === 0 ? "mini-state absent" : behind ? "mini-state behind" : "mini-state"}>
          <Icon name={here.length === 0 ? "circleDashed" : behind ? "refresh" : "check"} size={0.875} />
          {state}
        </span>
      </span>
      <span class="mini-grid" style={{ "--side": side }} aria-hidden="true">
        {page.cells.map((cell, i) => (
          <i
            key={i}
            class={screen.alarm === i ? "kept" : screen.focus === i ? "large" : cell ? "full" : ""}
            title={cell ? (cameras.value.get(cell.camera)?.name ?? cell.camera) : undefined}
          />
        ))}
      </span>
    </button>
  );
}

function Place({
  code,
  at,
  may,
  chosen,
  alarm,
  large,
  onChoose,
  onDrop,
  onLarge,
  onRemove,
}: {
  code: CameraCode | null;
  at: number;
  may: boolean;
  chosen: boolean;
  alarm: boolean;
  large: boolean;
  onChoose: () => void;
  onDrop: (code: CameraCode) => void;
  onLarge: () => void;
  onRemove: (() => void) | null;
}) {
  const [over, setOver] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const [still, setStill] = useState(0);
  useEffect(() => {
    if (!code) return;
    const timer = setInterval(() => !document.hidden && setStill((n) => n + 1), STILL_MS);
    return () => clearInterval(timer);
  }, [code]);
  useEffect(() => {
    if (chosen && document.activeElement?.closest(".director .grid")) box.current?.focus({ preventScroll: true });
  }, [chosen]);
  const camera = code ? cameras.value.get(code) : undefined;
  const name = alarm ? t("wall.alarmTile") : (camera?.name ?? code ?? t("tile.empty"));
  const state = camera ? t(`state.${camera.state}`) : "";
  return (
    // oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-noninteractive-element-interactions -- the page's keys do the same
    <div
      ref={box}
      class={`tile place ${chosen ? "focused" : ""} ${over ? "over" : ""} ${code ? "" : "vacant"} ${large ? "is-large" : ""}`}
      role="group"
      aria-label={t("tile.label", { n: at + 1, name, state: large ? t("walls.large") : state })}
      aria-current={chosen}
      tabIndex={chosen ? 0 : -1}
      data-slot={at}
      onClick={onChoose}
      onDblClick={may ? onLarge : undefined}
      onFocus={onChoose}
      onDragOver={(event) => {
        if (!may || alarm || !event.dataTransfer?.types.includes(CAMERA_MIME)) return;
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        const dropped = event.dataTransfer?.getData(CAMERA_MIME);
        if (may && dropped) onDrop(dropped as CameraCode);
      }}
      draggable={may && code !== null}
      onDragStart={(event) => code && event.dataTransfer?.setData(CAMERA_MIME, code)}
    >
      {code ? (
        <>
          <img
            class={camera?.state === "offline" ? "offline" : ""}
            src={snapshotUrl(code, { width: 480 - (still % 2) * 2 })}
            alt=""
            loading="lazy"
            onError={(event) => event.currentTarget.classList.add("none")}
            onLoad={(event) => event.currentTarget.classList.remove("none")}
          />
          <div class="caption">
            {large && <Icon name="maximize" size={1} />}
            <span class="clip grow">{name}</span>
            {camera?.state === "offline" && <span class="mark">{t("state.offline")}</span>}
          </div>
          {may && onRemove && (
            <button
              type="button"
              class="tile-remove"
              aria-label={`${t("tile.remove")}: ${name}`}
              title={t("tile.remove")}
              onClick={(event) => {
                event.stopPropagation();
                onRemove();
              }}
            >
              <Icon name="x" size={1} />
            </button>
          )}
        </>
      ) : (
        <div class="vacancy">
          <Icon name={alarm ? "bell" : "plus"} size={1.5} />
          <span>{alarm ? t("wall.alarmTile") : may ? t("tile.emptyHint") : t("tile.empty")}</span>
        </div>
      )}
    </div>
  );
}

/** Who is there, and who changed what. */
function Aside({ wall, here }: { wall: SharedWall; here: readonly Present[] }) {
  const changes = [...wall.changes].reverse().slice(0, 30);
  return (
    <aside class="wall-aside">
      <h2>{t("walls.windows")}</h2>
      {here.length === 0 && <p class="dim small">{t("walls.noWindows")}</p>}
      <ul>
        {here.map((window) => (
          <li key={window.window}>
            <strong>{t("walls.screenN", { n: window.screen })}</strong>
            <span class="dim">
              {window.width}×{window.height} · {t("walls.liveOf", { live: window.live, tiles: window.tiles })}
            </span>
            <span class="dim clip">{window.user}</span>
          </li>
        ))}
      </ul>
      <h2>{t("walls.changes")}</h2>
      <ul class="scroll" tabIndex={0} aria-label={t("walls.changes")}>
        {changes.map((change) => (
          <li key={change.revision}>
            <strong>
              {change.screen ? t("walls.screenN", { n: change.screen }) : wall.name}
              {" · "}
              {tCode("wallchange", change.what) ?? change.what}
            </strong>
            <span class="dim">
              {change.by} · {shortTime(change.at)}
            </span>
          </li>
        ))}
      </ul>
    </aside>
  );
}
