/** Some cameras of one moment, what moves it, and the timeline under them. */
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../api/client";
import { cameras, serverNow } from "../api/store";
import { type CameraCode, parseTime, toRfc3339 } from "../domain/ids";
import type { Recordings } from "../domain/types";
import { navigate, where } from "../ui/router";
import { problemWords } from "../ui/widgets";
import { Pane } from "./pane";
import { MOST_CAMERAS, share, urlOf } from "./place";
import { lookUp, opening } from "./timeline-math";
import { TimelinePanel } from "./timeline-panel";
import { Transport } from "./transport";
import { WindowPlayer } from "./window-player";

const BACK_MS = 600_000;
const REFRESH_MS = 10_000;
/** Others follow the first camera's clock; further off than this they jump, ms. */
const APART_MS = 400;

export function Deck({ codes, onAdd }: { codes: readonly CameraCode[]; onAdd: () => void }) {
  const asked = parseTime(where.value.search.get("t"));
  const [players, setPlayers] = useState<readonly WindowPlayer[]>([]);
  const [recordings, setRecordings] = useState<ReadonlyMap<CameraCode, Recordings>>(new Map());
  const [playing, setPlaying] = useState(true);
  const [speed, setSpeed] = useState(1);
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

  // The register of what is recorded: a day around what is shown, read again as it grows.
  const hour = Math.floor((cursor ?? serverNow() - BACK_MS) / 3_600_000);
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
  const key = (event: KeyboardEvent): boolean => {
    // Two keys may come before the page is drawn again: the player knows where it is, this drawing may not.
    const at = first?.wall.value ?? pending ?? serverNow();
    const step = event.shiftKey ? 10_000 : 1000;
    const keys: Record<string, () => void> = {
      ArrowLeft: () => seek(at - step),
      ArrowRight: () => seek(at + step),
      ",": () => frame(-1),
      ".": () => frame(1),
      " ": () => setPlaying((now) => !now),
    };
    const action = keys[event.key];
    action?.();
    return action !== undefined;
  };
  const here = cursor === null ? null : lookUp(own, cursor);
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
      <Transport
        playing={playing}
        speed={speed}
        cursor={cursor}
        gap={here?.kind === "gap" ? (here.code ?? "unknown") : null}
        full={codes.length >= MOST_CAMERAS}
        onPlaying={setPlaying}
        onSpeed={setSpeed}
        onFrame={frame}
        onDate={seek}
        onAdd={onAdd}
        onShare={() => void share(urlOf(codes, cursor))}
      />
      <TimelinePanel codes={codes} cursor={cursor} onSeek={seek} onKey={key} />
    </section>
  );
}
