/** What a director's page is made of: a screen in small, a tile to put a camera into, and who is there and changed what. */
import { useEffect, useRef, useState } from "preact/hooks";
import { snapshotUrl } from "../api/client";
import { cameras } from "../api/store";
import type { CameraCode } from "../domain/ids";
import { t, tCode } from "../i18n/t";
import { shortTime } from "../i18n/words";
import { CAMERA_MIME } from "../ui/camera-tree";
import { Icon } from "../ui/icon";
import type { Page, Present, Screen, SharedWall } from "./shared";
import { TileRemove } from "./tile-remove";

/** A still of a tile is fetched anew after so long: a director sees what the hall sees without pulling every stream again. */
const STILL_MS = 10_000;

export function Mini({
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

export function Place({
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
          {may && onRemove && <TileRemove name={name} onRemove={onRemove} />}
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
export function Aside({ wall, here }: { wall: SharedWall; here: readonly Present[] }) {
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
