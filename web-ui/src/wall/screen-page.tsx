/**
 * A screen in the hall: what a director sets, and nothing around it. It comes back by itself, whatever was away, and says what
 * it waits for.
 */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { api } from "../api/client";
import { cameras, events, serverNow, streamUp, user } from "../api/store";
import { wallApi } from "../api/walls";
import { language, setLanguage, t } from "../i18n/t";
import { clock } from "../i18n/words";
import { Icon } from "../ui/icon";
import { where } from "../ui/router";
import { AlarmTile } from "./alarm-tile";
import { LiveTile } from "./live-tile";
import { alarmTimes, type Cell, type Page, pageOf, type Screen, type SharedWall } from "./shared";
import { takeWall, walls } from "./walls";
import "./screen.css";

/** A screen says so often that it is there; after three times it is not. */
const BEAT_MS = 5000;
/** What changes on the screen is said this much later, with what came meanwhile. */
const SETTLE_MS = 400;
/** Which screen it is stands in a corner for so long, and as long again after a key. */
const NAMED_MS = 10_000;

export function screenNumber(search: URLSearchParams): number {
  const n = Number(search.get("screen") ?? 1);
  return Number.isInteger(n) && n >= 1 && n <= 16 ? n : 1;
}

export default function ScreenPage() {
  const id = decodeURIComponent(where.value.path.split("/")[2] ?? "");
  const number = screenNumber(where.value.search);
  const wall = walls.value.get(id);
  const [missing, setMissing] = useState(false);
  const read = () =>
    wallApi.one(id).then((answer) => {
      if (answer.ok) takeWall(answer.value);
      setMissing(!answer.ok && (answer.problem.status === 404 || answer.problem.status === 403));
    });
  useEffect(() => void read(), [id]);
  useEffect(() => {
    document.title = `${wall?.name ?? id} ${number} · ${t("app.name")}`;
    document.documentElement.classList.add("on-screen");
    return () => document.documentElement.classList.remove("on-screen");
  }, [wall?.name, number]);
  const screen = wall?.screens.find((one) => one.screen === number);
  return (
    <main class="screen-view" data-wall={id} data-screen={number} data-revision={screen?.revision ?? 0}>
      <h1 class="hidden-title">
        {wall?.name ?? id} {number}
      </h1>
      {wall && screen ? (
        <Shown wall={wall} screen={screen} stale={read} />
      ) : (
        <Waiting
          text={missing ? t("screen.noWall", { id }) : wall ? t("screen.noScreen", { n: number }) : t("screen.reading")}
          stale={read}
          wall={wall ? id : null}
          number={number}
        />
      )}
      <Lost />
      <Named wall={wall} screen={screen} number={number} />
    </main>
  );
}

function Waiting({
  text,
  stale,
  wall,
  number,
}: {
  text: string;
  stale: () => Promise<void>;
  wall: string | null;
  number: number;
}) {
  useEffect(() => {
    const timer = setInterval(() => void stale(), BEAT_MS);
    return () => clearInterval(timer);
  }, []);
  useBeat(wall, number, 0, stale);
  return (
    <div class="screen-waiting" role="status">
      <Icon name="layoutGrid" size={3} />
      <strong>{text}</strong>
      <span>{t("screen.waits")}</span>
    </div>
  );
}

/** The page of a tour that is due, drawn again when another one is. */
function usePage(screen: Screen, alarms: readonly number[]): Page {
  const [, again] = useState(0);
  const page = pageOf(screen, alarms, serverNow());
  useEffect(() => {
    if (page.next === null) return;
    const timer = setTimeout(() => again((n) => n + 1), Math.max(20, page.next - serverNow() + 5));
    return () => clearTimeout(timer);
  });
  return page;
}

function Shown({ wall, screen, stale }: { wall: SharedWall; screen: Screen; stale: () => Promise<void> }) {
  const alarms = screen.tour ? alarmTimes(events.value, wall.region) : [];
  const page = usePage(screen, alarms);
  const side = Math.sqrt(screen.layout);
  const shown = useMemo(
    () => new Set(page.cells.flatMap((cell) => (cell ? [cell.camera] : []))),
    [page.cells.map((cell) => cell?.camera).join()],
  );
  const unknown = [...shown, ...page.ahead].filter((code) => !cameras.value.has(code)).join();
  useEffect(() => {
    // A screen without an account knows the cameras that stood on the wall when it came.
    if (!unknown || user.value?.role !== "guest") return;
    void api.cameras().then((answer) => {
      if (answer.ok) cameras.value = new Map(answer.value.map((camera) => [camera.code, camera]));
    });
  }, [unknown]);
  useBeat(wall.id, screen.screen, screen.revision, stale);
  // In one order whatever stands where: a picture that moves to another tile is not opened anew.
  const tiles = [
    ...page.cells.flatMap((cell, at) => (cell ? [{ cell, at }] : [])),
    ...page.ahead
      .filter((camera) => !shown.has(camera))
      .map((camera) => ({ cell: { camera, profile: "sub" } satisfies Cell, at: -1 })),
  ].sort((a, b) => (a.cell.camera < b.cell.camera ? -1 : 1));
  const bare = page.cells.every((cell) => cell === null) && screen.alarm === null;
  if (bare) {
    return (
      <div class="screen-waiting" role="status">
        <Icon name="layoutGrid" size={3} />
        <strong>{t("screen.empty")}</strong>
        <span>{t("screen.waits")}</span>
      </div>
    );
  }
  return (
    <div
      class={`grid l${screen.layout}`}
      style={{ "--side": side }}
      role="group"
      aria-label={t("wall.grid")}
      data-page={page.page}
      data-held={page.held}
    >
      {tiles.map(({ cell, at }) => (
        <ScreenTile key={cell.camera} cell={cell} at={at} side={side} large={at >= 0 && screen.focus === at} />
      ))}
      {screen.alarm !== null && (
        <AlarmTile
          key="alarm"
          shown={shown}
          n={screen.alarm + 1}
          region={wall.region}
          place={placeOf(screen.alarm, side)}
        />
      )}
    </div>
  );
}

const placeOf = (at: number, side: number): Record<string, string> => ({
  "grid-row": String(Math.floor(at / side) + 1),
  "grid-column": String((at % side) + 1),
});

function ScreenTile({ cell, at, side, large }: { cell: Cell; at: number; side: number; large: boolean }) {
  const ahead = at < 0;
  const name = cameras.value.get(cell.camera)?.name ?? cell.camera;
  return (
    <div
      class={ahead ? "tile ahead" : large ? "tile large" : "tile"}
      style={ahead ? {} : placeOf(at, side)}
      aria-hidden={ahead}
      role="group"
      aria-label={ahead ? undefined : `${at + 1}: ${name}`}
      data-tile={at}
    >
      <LiveTile
        code={cell.camera}
        profile={ahead ? "sub" : large ? "main" : cell.profile}
        priority={ahead ? "viewer" : "wall"}
      />
    </div>
  );
}

/** Tells the gateway what this window shows; what has changed there without word of it is read again. */
function useBeat(wall: string | null, screen: number, revision: number, stale: () => Promise<void>): void {
  const id = useRef(windowId());
  const state = useRef({ revision, stale });
  state.current = { revision, stale };
  useEffect(() => {
    if (wall === null) return;
    const beat = async () => {
      const tiles = document.querySelectorAll(".screen-view .tile:not(.ahead) > .live-tile");
      const answer = await wallApi.beat(wall, screen, {
        window: id.current,
        revision: state.current.revision,
        width: Math.round(innerWidth * devicePixelRatio),
        height: Math.round(innerHeight * devicePixelRatio),
        tiles: tiles.length,
        live: [...tiles].filter((tile) => tile.classList.contains("is-live")).length,
      });
      if (answer.ok && answer.value.revision !== state.current.revision) void state.current.stale();
    };
    const soon = setTimeout(() => void beat(), SETTLE_MS);
    const timer = setInterval(() => void beat(), BEAT_MS);
    return () => {
      clearTimeout(soon);
      clearInterval(timer);
    };
  }, [wall, screen, revision]);
  useEffect(() => {
    if (wall === null) return;
    const leave = () => wallApi.leave(wall, screen, id.current);
    addEventListener("pagehide", leave);
    return () => {
      removeEventListener("pagehide", leave);
      leave();
    };
  }, [wall, screen]);
}

function windowId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What is shown is what was shown last, and since when. */
function Lost() {
  const [since, setSince] = useState<number | null>(null);
  const up = streamUp.value;
  useEffect(() => setSince(up ? null : serverNow()), [up]);
  if (up || since === null) return null;
  return (
    <div class="screen-lost" role="status">
      <Icon name="refresh" />
      {t("screen.lost", { time: clock(since) })}
    </div>
  );
}

function Named({ wall, screen, number }: { wall: SharedWall | undefined; screen: Screen | undefined; number: number }) {
  const [shown, setShown] = useState(true);
  useEffect(() => {
    let timer = setTimeout(() => setShown(false), NAMED_MS);
    const show = () => {
      setShown(true);
      clearTimeout(timer);
      timer = setTimeout(() => setShown(false), NAMED_MS);
    };
    const key = (event: KeyboardEvent) => {
      show();
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key.toLowerCase() === "f") {
        if (document.fullscreenElement) void document.exitFullscreen();
        else void document.documentElement.requestFullscreen();
      }
      if (event.key.toLowerCase() === "l") setLanguage(language.value === "zh" ? "en" : "zh");
    };
    addEventListener("pointermove", show);
    addEventListener("keydown", key);
    return () => {
      clearTimeout(timer);
      removeEventListener("pointermove", show);
      removeEventListener("keydown", key);
    };
  }, []);
  if (!shown) return null;
  return (
    <div class="screen-name">
      <strong>{wall?.name ?? ""}</strong>
      <span>{screen?.name ? `${number} · ${screen.name}` : t("walls.screenN", { n: number })}</span>
      <small>{t("screen.keys")}</small>
    </div>
  );
}
