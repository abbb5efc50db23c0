import "./playback.css";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { api, recordingUrl } from "../api/client";
import { cameras, serverNow } from "../api/store";
import { type CameraCode, isCameraCode, parseTime, toRfc3339 } from "../domain/ids";
import type { Recordings } from "../domain/types";
import { t, tCode } from "../i18n/t";
import { clock, day, dayClock, duration, shortTime } from "../i18n/words";
import { CameraTree } from "../ui/camera-tree";
import { Icon } from "../ui/icon";
import { navigate, where } from "../ui/router";
import { Button, Dialog, Empty, Field, problemWords, toast } from "../ui/widgets";
import { usePhone } from "../wall/phone-wall";
import { Timeline } from "./timeline";
import { follow, lookUp, opening, type Window, zoom } from "./timeline-math";
import { WindowPlayer } from "./window-player";

/**
 * A recording that plays holds a connection, and over HTTP/1.1 a browser has six for everything: more cameras than this, and
 * neither they nor the rest of the page would get one.
 */
const MOST_CAMERAS = multiplexed() ? 9 : 4;
const BACK_MS = 600_000;
const REFRESH_MS = 10_000;
const SPEEDS = [0.25, 0.5, 1, 2, 4, 8, 16] as const;
/** Others follow the first camera's clock; further off than this they jump, ms. */
const APART_MS = 400;

function multiplexed(): boolean {
  const [loaded] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  return loaded?.nextHopProtocol === "h2" || loaded?.nextHopProtocol === "h3";
}

function urlOf(codes: readonly CameraCode[], time: number | null): string {
  const at = time === null ? "" : `&t=${toRfc3339(time)}`;
  return codes.length > 0 ? `/playback?c=${codes.join(",")}${at}` : "/playback";
}

export default function PlaybackPage() {
  const phone = usePhone();
  const [choosing, setChoosing] = useState(false);
  const codes = useMemo(
    () => (where.value.search.get("c") ?? "").split(",").filter(isCameraCode).slice(0, MOST_CAMERAS),
    [where.value],
  );
  const toggle = (code: CameraCode) => {
    const without = codes.filter((one) => one !== code);
    // A plain choice replaces; the next one beside it is added by the plus button.
    navigate(
      urlOf(without.length < codes.length ? without : [code], parseTime(where.value.search.get("t"))),
      "replace",
    );
    setChoosing(false);
  };
  const add = (code: CameraCode) => {
    navigate(
      urlOf(
        [...codes.filter((one) => one !== code), code].slice(-MOST_CAMERAS),
        parseTime(where.value.search.get("t")),
      ),
      "replace",
    );
    setChoosing(false);
  };
  return (
    <div class="playback">
      <h1 class="hidden-title">{t("playback.title")}</h1>
      {!phone && <CameraTree onPick={toggle} chosen={new Set(codes)} />}
      {codes.length === 0 ? (
        <div class="page">
          <Empty icon="history" title={t("playback.choose")} hint={t("playback.chooseHint")} />
          {phone && <Button icon="plus" tone="accent" label={t("playback.choose")} onClick={() => setChoosing(true)} />}
        </div>
      ) : (
        <Deck key={codes.join()} codes={codes} onAdd={() => setChoosing(true)} />
      )}
      {choosing && (
        <Dialog title={t("playback.addCamera")} onClose={() => setChoosing(false)}>
          <div class="chooser">
            <CameraTree onPick={phone ? toggle : add} chosen={new Set(codes)} />
          </div>
        </Dialog>
      )}
    </div>
  );
}

function Deck({ codes, onAdd }: { codes: readonly CameraCode[]; onAdd: () => void }) {
  const asked = parseTime(where.value.search.get("t"));
  const [players, setPlayers] = useState<readonly WindowPlayer[]>([]);
  const [view, setView] = useState<Window>(() => {
    const middle = asked ?? serverNow() - BACK_MS;
    return { from: middle - 1_800_000, to: middle + 1_800_000 };
  });
  const [recordings, setRecordings] = useState<ReadonlyMap<CameraCode, Recordings>>(new Map());
  const [playing, setPlaying] = useState(true);
  const [speed, setSpeed] = useState(1);
  const [selection, setSelection] = useState<Window | null>(null);
  const [exporting, setExporting] = useState(false);
  const [pending, setPending] = useState<number | null>(asked);
  const [error, setError] = useState<string | null>(null);
  const opened = useRef(false);
  const first = players[0];
  const cursor = first?.wall.value ?? pending;

  useEffect(() => {
    const made = codes.map((code) => new WindowPlayer(code));
    setPlayers(made);
    return () => {
      for (const player of made) player.close();
    };
  }, []);

  const seek = (time: number) => {
    const at = Math.min(time, serverNow() - 2000);
    setPending(at);
    for (const player of players) void player.seek(at);
    navigate(urlOf(codes, at), "replace");
  };

  // The register of what is recorded: a day around the view, read again as it grows.
  const hour = Math.floor(view.from / 3_600_000);
  useEffect(() => {
    const abort = new AbortController();
    const read = async () => {
      const from = toRfc3339(hour * 3_600_000 - 12 * 3_600_000);
      const to = toRfc3339(Math.min(serverNow(), hour * 3_600_000 + 36 * 3_600_000));
      if (from >= to) return;
      const answers = await Promise.all(codes.map((code) => api.recordings(code, from, to, abort.signal)));
      if (abort.signal.aborted) return;
      const failed = answers.find((answer) => !answer.ok);
      setError(failed && !failed.ok ? problemWords(failed.problem) : null);
      setRecordings((old) => {
        const next = new Map(old);
        answers.forEach((answer, i) => {
          const code = codes[i];
          if (answer.ok && code) next.set(code, answer.value);
        });
        return next;
      });
    };
    const wait = setTimeout(read, opened.current ? 250 : 0);
    const timer = setInterval(read, REFRESH_MS);
    return () => {
      abort.abort();
      clearTimeout(wait);
      clearInterval(timer);
    };
  }, [hour]);

  // Opens at the asked moment, or ten minutes before the newest.
  const own = codes[0] ? (recordings.get(codes[0]) ?? null) : null;
  useEffect(() => {
    if (opened.current || players.length === 0) return;
    if (asked === null && !own) return;
    const at = asked ?? (own ? opening(own, BACK_MS) : null);
    if (at === null) return;
    opened.current = true;
    setView((now) => follow(now, at));
    setPending(at);
    for (const player of players) void player.seek(at);
  }, [players, own]);

  useEffect(() => {
    for (const player of players) {
      player.rate = speed;
      if (playing) player.play();
      else player.pause();
    }
  }, [players, playing, speed]);

  // The first camera is the clock.
  const settled = cursor === null ? null : Math.floor(cursor / 500);
  useEffect(() => {
    if (cursor === null) return;
    if (playing && first?.state.value === "ready")
      setView((now) => (cursor > now.from && cursor < now.to ? follow(now, cursor) : now));
    for (const player of players.slice(1)) {
      const theirs = player.wall.value;
      if (player.state.value === "loading") continue;
      if (theirs === null || Math.abs(theirs - cursor) > APART_MS * Math.max(1, speed)) void player.seek(cursor);
    }
  }, [settled]);

  const frame = (direction: 1 | -1) => {
    setPlaying(false);
    const rate = codes[0] ? cameras.value.get(codes[0])?.profiles?.main?.frame_rate : null;
    for (const player of players) player.step(direction / (rate || 25));
  };
  const stepTo = (time: number) => {
    setView((now) => follow(now, time));
    seek(time);
  };
  const key = (event: KeyboardEvent): boolean => {
    // Two keys may come before the page is drawn again: the player knows where it is, this drawing may not.
    const at = first?.wall.value ?? pending ?? view.from;
    const step = event.shiftKey ? 10_000 : 1000;
    const keys: Record<string, () => void> = {
      ArrowLeft: () => stepTo(at - step),
      ArrowRight: () => stepTo(at + step),
      ",": () => frame(-1),
      ".": () => frame(1),
      " ": () => setPlaying((now) => !now),
      "+": () => setView((now) => zoom(now, 0.5, at)),
      "=": () => setView((now) => zoom(now, 0.5, at)),
      "-": () => setView((now) => zoom(now, 2, at)),
      Escape: () => setSelection(null),
    };
    const action = keys[event.key];
    action?.();
    return action !== undefined;
  };
  const here = cursor === null ? null : lookUp(own, cursor);
  const lanes = codes.map((code) => ({
    code,
    name: cameras.value.get(code)?.name ?? code,
    recordings: recordings.get(code) ?? null,
  }));

  return (
    <section class="deck">
      {error && (
        <p class="notice bad" role="alert">
          {error}
        </p>
      )}
      <div class={`panes n${codes.length}`}>
        {codes.map((code, i) => {
          const player = players[i];
          return (
            player && (
              <Pane
                key={code}
                code={code}
                player={player}
                recordings={recordings.get(code) ?? null}
                cursor={cursor}
                onGo={seek}
                onRemove={
                  codes.length > 1
                    ? () =>
                        navigate(
                          urlOf(
                            codes.filter((one) => one !== code),
                            cursor,
                          ),
                          "replace",
                        )
                    : null
                }
              />
            )
          );
        })}
      </div>
      <div class="transport">
        <Button icon="skipBack" label={t("playback.frameBack")} hideLabel onClick={() => frame(-1)} />
        <Button
          icon={playing ? "pause" : "play"}
          label={playing ? t("playback.pause") : t("playback.play")}
          hideLabel
          tone="accent"
          onClick={() => setPlaying(!playing)}
        />
        <Button icon="skipForward" label={t("playback.frameOn")} hideLabel onClick={() => frame(1)} />
        <select
          class="speed"
          aria-label={t("playback.speed")}
          value={String(speed)}
          onChange={(event) => setSpeed(Number(event.currentTarget.value))}
        >
          {SPEEDS.map((one) => (
            <option key={one} value={String(one)}>
              {one}×
            </option>
          ))}
        </select>
        <strong
          class="recorded-at"
          title={t("playback.wallClock")}
          data-at={cursor === null ? undefined : Math.round(cursor)}
        >
          {cursor === null ? "—" : `${day(cursor)} ${clock(cursor)}`}
        </strong>
        <span class="dim clip grow" role="status">
          {here?.kind === "gap" && t("playback.gapReason", { reason: tCode("reason", here.code ?? "unknown") ?? "" })}
        </span>
        <input
          class="date"
          type="datetime-local"
          step={1}
          aria-label={t("playback.date")}
          value={cursor === null ? "" : localInput(cursor)}
          onChange={(event) => {
            const time = new Date(event.currentTarget.value).getTime();
            if (!Number.isFinite(time)) return;
            const half = (view.to - view.from) / 2;
            setView({ from: time - half, to: time + half });
            seek(time);
          }}
        />
        <Button
          icon="minus"
          label={t("playback.zoomOut")}
          hideLabel
          onClick={() => setView(zoom(view, 2, cursor ?? view.to))}
        />
        <Button
          icon="plus"
          label={t("playback.zoomIn")}
          hideLabel
          onClick={() => setView(zoom(view, 0.5, cursor ?? view.to))}
        />
        {codes.length < MOST_CAMERAS && <Button icon="cctv" label={t("playback.addCamera")} onClick={onAdd} />}
        <Button icon="link" label={t("playback.share")} hideLabel onClick={() => void share(urlOf(codes, cursor))} />
      </div>
      <Timeline
        lanes={lanes}
        view={view}
        cursor={cursor}
        now={serverNow()}
        selection={selection}
        onView={setView}
        onSeek={seek}
        onSelect={setSelection}
        onKey={key}
      />
      <div class="under">
        <span class="legend">{t("playback.legendRecorded")}</span>
        <span class="legend gap">{t("playback.legendGap")}</span>
        <span class="grow" />
        {selection ? (
          <>
            <span>
              {shortTime(toRfc3339(selection.from))} – {clock(selection.to)}
            </span>
            <Button label={t("playback.clear")} onClick={() => setSelection(null)} />
            <Button
              icon="download"
              tone="accent"
              label={t("playback.export", { duration: duration((selection.to - selection.from) / 1000) })}
              onClick={() => setExporting(true)}
            />
          </>
        ) : (
          <span class="dim">{t("playback.selectHint")}</span>
        )}
      </div>
      {exporting && selection && <Export codes={codes} selection={selection} onClose={() => setExporting(false)} />}
    </section>
  );
}

function Pane({
  code,
  player,
  recordings,
  cursor,
  onGo,
  onRemove,
}: {
  code: CameraCode;
  player: WindowPlayer;
  recordings: Recordings | null;
  cursor: number | null;
  onGo: (time: number) => void;
  onRemove: (() => void) | null;
}) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    box.current?.append(player.element);
  }, [player]);
  const camera = cameras.value.get(code);
  const state = player.state.value;
  const at = cursor === null ? null : lookUp(recordings, cursor);
  const gap = at?.kind === "gap" ? at : null;
  const none = recordings !== null && recordings.spans.length === 0;
  return (
    <div class="pane">
      <div class="picture" ref={box}>
        {(state === "loading" || state === "empty") && !none && (
          <div class="words" role="status">
            <span class="spinner" />
            <strong>{t("playback.loading")}</strong>
          </div>
        )}
        {(state === "nothing" || none) && (
          <div class="words gap" role="status">
            <Icon name="history" size={1.5} />
            <strong>{none ? t("playback.none") : t("playback.noRecording")}</strong>
            {gap && <span>{t("playback.gapReason", { reason: tCode("reason", gap.code ?? "unknown") ?? "" })}</span>}
            {gap?.next && (
              <>
                <span>{t("playback.nextFrom", { time: dayClock(gap.next) })}</span>
                <Button label={t("playback.goNext")} onClick={() => gap.next && onGo(gap.next)} />
              </>
            )}
          </div>
        )}
        {state === "cannot-play" && (
          <div class="words" role="status">
            <Icon name="videoOff" size={1.5} />
            <strong>{t("playback.cannotPlay")}</strong>
          </div>
        )}
      </div>
      <div class="caption">
        <span class="clip grow">{camera?.name ?? code}</span>
        <span class="time">{player.wall.value === null ? "—" : clock(player.wall.value)}</span>
        {onRemove && <Button icon="x" label={t("tile.remove")} hideLabel onClick={onRemove} />}
      </div>
    </div>
  );
}

function Export({
  codes,
  selection,
  onClose,
}: {
  codes: readonly CameraCode[];
  selection: Window;
  onClose: () => void;
}) {
  const [code, setCode] = useState(codes[0]);
  const [reason, setReason] = useState("");
  const go = (event: Event) => {
    event.preventDefault();
    if (!code) return;
    const link = document.createElement("a");
    link.href = recordingUrl(code, toRfc3339(selection.from), toRfc3339(selection.to), reason.trim());
    link.download = `${cameras.value.get(code)?.name ?? code}-${toRfc3339(selection.from).replaceAll(/[:.]/g, "-")}.mp4`;
    link.click();
    onClose();
  };
  return (
    <Dialog title={t("playback.exportTitle")} onClose={onClose}>
      <form class="dialog-body" onSubmit={go}>
        <p>
          {dayClock(selection.from)} – {clock(selection.to)} ({duration((selection.to - selection.from) / 1000)})
        </p>
        {codes.length > 1 && (
          <Field label={t("wall.tree")}>
            <select value={code ?? ""} onChange={(event) => setCode(event.currentTarget.value as CameraCode)}>
              {codes.map((one) => (
                <option key={one} value={one}>
                  {cameras.value.get(one)?.name ?? one}
                </option>
              ))}
            </select>
          </Field>
        )}
        <Field label={t("playback.exportReason")}>
          <input required maxLength={200} value={reason} onInput={(event) => setReason(event.currentTarget.value)} />
        </Field>
        <div class="actions">
          <Button label={t("app.cancel")} onClick={onClose} />
          <Button type="submit" icon="download" tone="accent" label={t("playback.exportGo")} />
        </div>
      </form>
    </Dialog>
  );
}

function localInput(ms: number): string {
  const zone = new Date(ms).getTimezoneOffset() * 60_000;
  return new Date(ms - zone).toISOString().slice(0, 19);
}

/** The clipboard is withheld on plain HTTP: the address bar has the link anyway. */
async function share(path: string): Promise<void> {
  navigate(path, "replace");
  try {
    await navigator.clipboard.writeText(location.origin + path);
    toast(t("playback.copied"));
  } catch {
    prompt(t("playback.share"), location.origin + path);
  }
}
