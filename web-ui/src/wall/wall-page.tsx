/** The wall: tree, tiles, live events; everything by keys as well as by pointer. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { cameras, events, tree, user } from "../api/store";
import type { CameraCode } from "../domain/ids";
import { toRfc3339 } from "../domain/ids";
import { inOrder } from "../domain/tree";
import { t } from "../i18n/t";
import type { LiveView } from "../player/live-view";
import { CAMERA_MIME, CameraTree } from "../ui/camera-tree";
import { Icon } from "../ui/icon";
import { navigate, where } from "../ui/router";
import { Button, Choice, Empty } from "../ui/widgets";
import { AlarmStrip } from "./alarm-strip";
import { AlarmTile, acknowledgeAlarm, alarmQueue, stepAlarm } from "./alarm-tile";
import { KeySheet } from "./key-sheet";
import { LayoutsDialog } from "./layouts-dialog";
import { LineFigures } from "./line-figures";
import { LiveTile } from "./live-tile";
import { PhoneWall, usePhone } from "./phone-wall";
import { sending } from "./sending";
import { isAlarm, type SavedLayout } from "./shared";
import { TileRemove } from "./tile-remove";
import { useTour } from "./tour";
import {
  type Direction,
  formatWall,
  LAYOUTS,
  type Layout,
  moveFocus,
  parseWall,
  place,
  remove,
  reserve,
  savedUrl,
  target,
  visible,
  type WallState,
} from "./url";
import { openWindow } from "./windows";

const REPLAY_MS = 30_000;

export function WallPage() {
  const phone = usePhone();
  const state = parseWall(where.value.search);
  const first = !where.value.search.has("c") && !where.value.search.has("l");
  const all = useMemo(() => inOrder(tree.value), [tree.value]);
  // The first visit has an empty wall: it is filled with what is there.
  useEffect(() => {
    if (first && all.length > 0) {
      navigate(formatWall({ layout: 16, slots: all.slice(0, 16), focus: null }), "replace");
    }
  }, [first, all.length > 0]);
  // The map puts a camera onto the wall as it was left.
  useEffect(() => {
    try {
      sessionStorage.setItem("sightline.wall", where.value.search.toString());
    } catch {
      // Storage may be forbidden; the map then makes a wall of its own.
    }
  }, [where.value]);
  if (phone) return <PhoneWall state={state} all={all} />;
  return <Desk state={state} all={all} />;
}

function Desk({ state, all }: { state: WallState; all: readonly CameraCode[] }) {
  const [figures, setFigures] = useState(false);
  const [sound, setSound] = useState(false);
  const [keys, setKeys] = useState(false);
  const [list, setList] = useState(true);
  const [layouts, setLayouts] = useState(false);
  const directs = user.value?.role === "administrator" || user.value?.role === "operator";
  const views = useRef(new Map<CameraCode, LiveView>());
  const page = useRef<HTMLDivElement>(null);
  const tour = useTour(all, state.layout, events.value.find(isAlarm)?.id);
  const shown = visible(state);
  const codes = tour.codes ?? shown.codes;
  const focused = state.focus === null || tour.codes ? null : (state.slots[state.focus] ?? null);

  // Two keys may come before the page is drawn again: what they change is the address, not what this drawing saw.
  const change = (next: (now: WallState) => WallState) => {
    navigate(formatWall(next(parseWall(where.value.search))), "replace");
  };
  const focus = (at: number) => {
    tour.hold();
    change((now) => ({ ...now, focus: at }));
  };
  const setLayout = (layout: Layout) => change((now) => ({ ...now, layout }));
  const put = (code: CameraCode, at?: number) => {
    tour.stop();
    change((now) => ({ ...place(now, code, at ?? target(now)), focus: now.focus }));
  };
  const onWall = useMemo(() => new Set(codes.filter((code) => code !== null)), [codes.join()]);
  const focusedNow = (): CameraCode | null => {
    const now = parseWall(where.value.search);
    return now.focus === null || tour.codes ? null : (now.slots[now.focus] ?? null);
  };
  const freeze = () => {
    const code = focusedNow();
    const view = code && views.current.get(code);
    if (view) view.freeze(!view.frozen);
  };
  const replay = () => {
    const code = focusedNow();
    if (code) navigate(`/playback?c=${code}&t=${toRfc3339(Date.now() - REPLAY_MS)}`);
  };
  const snapshot = () => {
    const code = focusedNow();
    if (code) void saveSnapshot(views.current.get(code), code);
  };
  const full = () => {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void page.current?.requestFullscreen();
  };
  const move = (to: Direction) => {
    tour.hold();
    change((now) => moveFocus(now, to));
  };
  const side = Math.sqrt(state.layout);
  const onScreen = () => codes.filter((code) => code !== null);
  const send = () => {
    if (directs && onScreen().length > 0) sending.value = onScreen();
  };
  const fill = () => change((now) => ({ ...now, slots: fillUp(now, all), focus: null }));
  const clear = () => change((now) => ({ ...now, slots: [], focus: null }));
  // Another display goes on with the cameras that do not stand here.
  const another = () => {
    const here = new Set(state.slots);
    const rest = all.filter((code) => !here.has(code)).slice(0, state.layout);
    openWindow(
      formatWall({ layout: state.layout, slots: rest.length > 0 ? rest : all, focus: null }),
      "sightline-wall-2",
      0,
    );
  };
  const openLayout = (saved: SavedLayout) => {
    setLayouts(false);
    tour.stop();
    navigate(savedUrl(saved), "replace");
  };
  const waiting = () => alarmQueue.value.standing !== null;

  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
      const at = event.target as HTMLElement;
      if (at.closest("input, select, textarea, [role=tree], [role=radiogroup]")) return;
      if (event.key === " " && at.closest("button, a")) return;
      const layout = /^[1-5]$/.test(event.key) ? LAYOUTS[Number(event.key) - 1] : undefined;
      const actions: Record<string, () => void> = {
        ArrowLeft: () => move("left"),
        ArrowRight: () => move("right"),
        ArrowUp: () => move("up"),
        ArrowDown: () => move("down"),
        f: full,
        " ": freeze,
        s: snapshot,
        r: replay,
        m: () => setSound((on) => !on),
        a: () => change(reserve),
        i: () => setFigures((on) => !on),
        t: tour.toggle,
        g: fill,
        c: clear,
        l: () => setLayouts(true),
        d: send,
        w: another,
        n: () => waiting() && stepAlarm(1),
        b: () => waiting() && stepAlarm(-1),
        k: () => directs && void acknowledgeAlarm(),
        "/": () => {
          setList(true);
          setTimeout(() => document.querySelector<HTMLInputElement>(".camera-tree input")?.focus());
        },
        "?": () => setKeys(true),
        Delete: () => change((now) => (now.focus === null ? now : remove(now, now.focus))),
        Escape: () => change((now) => ({ ...now, focus: null })),
      };
      const action = layout ? () => setLayout(layout) : (actions[event.key] ?? actions[event.key.toLowerCase()]);
      if (!action) return;
      event.preventDefault();
      action();
    };
    addEventListener("keydown", key);
    return () => removeEventListener("keydown", key);
  });

  return (
    <div class={list ? "wall" : "wall no-list"} ref={page}>
      {list && <CameraTree onPick={(code) => put(code)} chosen={onWall} />}
      <section class="stage">
        <h1 class="hidden-title">{t("nav.wall")}</h1>
        <div class="tools">
          <Button
            icon="panelLeft"
            label={list ? t("wall.collapse") : t("wall.expand")}
            hideLabel
            aria-pressed={list}
            onClick={() => setList(!list)}
          />
          <Choice
            label={t("wall.layout")}
            value={String(state.layout)}
            options={LAYOUTS.map((n) => [String(n), String(n)] as const)}
            onPick={(n) => setLayout(Number(n) as Layout)}
          />
          <Button
            icon="route"
            label={tour.on ? t("wall.tourStop") : t("wall.tour")}
            aria-pressed={tour.on}
            onClick={tour.toggle}
          />
          {tour.on && (
            <label class="dwell">
              <span>{t("wall.tourDwell")}</span>
              <input
                type="number"
                min={5}
                max={300}
                value={tour.dwell}
                onChange={(event) => tour.setDwell(event.currentTarget.valueAsNumber)}
              />
            </label>
          )}
          {tour.on && (
            <span class="dim" role="status">
              {tour.held ? t("wall.tourPaused") : t("wall.tourOn", { page: tour.page + 1, pages: tour.pages })}
            </span>
          )}
          <span class="grow" />
          {focused && (
            <>
              <Button icon="snowflake" label={t("wall.freeze")} hideLabel onClick={freeze} />
              <Button icon="imageDown" label={t("wall.snapshot")} hideLabel onClick={snapshot} />
              <Button icon="history" label={t("wall.replay")} onClick={replay} />
            </>
          )}
          <Button
            icon="bell"
            label={t("wall.alarmTile")}
            hideLabel
            aria-pressed={state.alarm !== undefined}
            onClick={() => change(reserve)}
          />
          <Button icon="layoutGrid" label={t("wall.fill")} hideLabel onClick={fill} />
          <Button icon="eraser" label={t("wall.clear")} hideLabel onClick={clear} />
          <Button icon="save" data-key="l" label={t("layouts.title")} hideLabel onClick={() => setLayouts(true)} />
          {directs && <Button icon="send" data-key="d" label={t("send.button")} hideLabel onClick={send} />}
          <Button icon="externalLink" label={t("wall.window")} hideLabel onClick={another} />
          <Button
            icon={sound ? "volume" : "volumeOff"}
            label={t("wall.sound")}
            hideLabel
            aria-pressed={sound}
            onClick={() => setSound(!sound)}
          />
          <Button
            icon="info"
            label={t("wall.figures")}
            hideLabel
            aria-pressed={figures}
            onClick={() => setFigures(!figures)}
          />
          <Button icon="maximize" label={t("wall.full")} hideLabel onClick={full} />
          <Button icon="keyboard" data-key="?" label={t("wall.keys")} hideLabel onClick={() => setKeys(true)} />
        </div>
        {figures && <LineFigures />}
        {cameras.value.size === 0 ? (
          <Empty icon="cctv" title={t("wall.noCameras")} hint={t("wall.noCamerasHint")} />
        ) : (
          <div class={`grid l${state.layout}`} style={{ "--side": side }} role="group" aria-label={t("wall.grid")}>
            {codes.map((code, i) =>
              !tour.codes && state.alarm === shown.first + i ? (
                <AlarmTile key="alarm" shown={onWall} n={i + 1} />
              ) : (
                <Tile
                  key={code ?? `empty-${i}`}
                  code={code}
                  n={i + 1}
                  at={shown.first + i}
                  focused={!tour.codes && state.focus === shown.first + i}
                  main={state.layout === 1 || (!tour.codes && state.focus === shown.first + i)}
                  figures={figures}
                  sound={sound && (state.layout === 1 || (!tour.codes && state.focus === shown.first + i))}
                  onFocus={() => focus(shown.first + i)}
                  onDrop={(dropped) => put(dropped, shown.first + i)}
                  onRemove={() => change((now) => remove(now, shown.first + i))}
                  onView={(view) => {
                    if (!code) return;
                    if (view) views.current.set(code, view);
                    else views.current.delete(code);
                  }}
                />
              ),
            )}
            {tour.ahead.map((code) => (
              // Sub streams, as urgent as any viewer's: what is shown takes no room for what is not yet.
              <div key={code} class="ahead" aria-hidden="true" inert>
                <LiveTile code={code} profile="sub" priority="viewer" />
              </div>
            ))}
          </div>
        )}
      </section>
      <AlarmStrip />
      {keys && <KeySheet onClose={() => setKeys(false)} />}
      {layouts && (
        <LayoutsDialog
          current={{
            layout: state.layout,
            cells: codes.map((camera) => camera && { camera, profile: "auto" }),
            alarm: tileHere(state.alarm, shown.first, state.layout),
          }}
          onClose={() => setLayouts(false)}
          onOpen={openLayout}
        />
      )}
    </div>
  );
}

/** A tile among those on the screen. */
function tileHere(at: number | undefined, first: number, layout: number): number | null {
  return at !== undefined && at >= first && at < first + layout ? at - first : null;
}

/** What stands stays; empty tiles take the next cameras that are not on the wall. */
function fillUp(state: WallState, all: readonly CameraCode[]): (CameraCode | null)[] {
  const here = new Set(state.slots);
  const rest = all.filter((code) => !here.has(code));
  return Array.from({ length: state.layout }, (_, i) =>
    i === state.alarm ? (state.slots[i] ?? null) : (state.slots[i] ?? rest.shift() ?? null),
  );
}

function Tile({
  code,
  n,
  at,
  focused,
  main,
  figures,
  sound,
  onFocus,
  onDrop,
  onRemove,
  onView,
}: {
  code: CameraCode | null;
  n: number;
  at: number;
  focused: boolean;
  main: boolean;
  figures: boolean;
  sound: boolean;
  onFocus: () => void;
  onDrop: (code: CameraCode) => void;
  onRemove: () => void;
  onView: (view: LiveView | null) => void;
}) {
  const [over, setOver] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (focused && document.activeElement?.closest(".grid")) box.current?.focus({ preventScroll: true });
  }, [focused]);
  const camera = code ? cameras.value.get(code) : undefined;
  const name = camera?.name ?? code ?? t("tile.empty");
  return (
    // oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-noninteractive-element-interactions -- the wall's keys do the same
    <div
      ref={box}
      class={`tile ${focused ? "focused" : ""} ${over ? "over" : ""} ${code ? "" : "vacant"}`}
      role="group"
      aria-label={t("tile.label", { n, name, state: camera ? t(`state.${camera.state}`) : t("tile.empty") })}
      tabIndex={focused || (n === 1 && !focused) ? 0 : -1}
      data-slot={at}
      onClick={onFocus}
      onDragOver={(event) => {
        if (!event.dataTransfer?.types.includes(CAMERA_MIME)) return;
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        const dropped = event.dataTransfer?.getData(CAMERA_MIME);
        if (dropped) onDrop(dropped as CameraCode);
      }}
      draggable={code !== null}
      onDragStart={(event) => code && event.dataTransfer?.setData(CAMERA_MIME, code)}
    >
      {code ? (
        <>
          <LiveTile
            code={code}
            profile={main ? "main" : "auto"}
            priority="wall"
            figures={figures}
            sound={sound}
            onView={onView}
          />
          <TileRemove name={name} onRemove={onRemove} />
        </>
      ) : (
        <div class="vacancy">
          <Icon name="plus" size={1.5} />
          <span>{t("tile.emptyHint")}</span>
        </div>
      )}
    </div>
  );
}

async function saveSnapshot(view: LiveView | undefined, code: CameraCode): Promise<void> {
  const blob = await view?.snapshot();
  if (!blob) return;
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = `${cameras.value.get(code)?.name ?? code}-${toRfc3339(Date.now()).replaceAll(/[:.]/g, "-")}.jpg`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
