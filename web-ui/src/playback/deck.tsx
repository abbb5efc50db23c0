/** Some cameras of one moment, what moves it, and the timeline under them. */
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../api/client";
import { serverNow } from "../api/store";
import { type CameraCode, parseTime, toRfc3339 } from "../domain/ids";
import type { Recordings } from "../domain/recording";
import { navigate, where } from "../ui/router";
import { problemWords } from "../ui/widgets";
import { keepPlayback } from "./open-playback";
import { Pane } from "./pane";
import { MOST_CAMERAS, share, urlOf } from "./place";
import type { Playback } from "./playback";
import { lookUp, opening } from "./timeline-math";
import { TimelinePanel } from "./timeline-panel";
import { Transport } from "./transport";

const BACK_MS = 600_000;
const REFRESH_MS = 10_000;
const MOST_SPEED = 16;

export function Deck({ codes, onAdd }: { codes: readonly CameraCode[]; onAdd: () => void }) {
  const asked = parseTime(where.value.search.get("t"));
  const [playback, setPlayback] = useState<Playback | null>(null);
  const [recordings, setRecordings] = useState<ReadonlyMap<CameraCode, Recordings>>(new Map());
  const [playing, setPlaying] = useState(true);
  const [speed, setSpeed] = useState(1);
  const [pending, setPending] = useState<number | null>(asked);
  const [error, setError] = useState<string | null>(null);
  /** Whose sound is heard: nobody's, until it is asked for. */
  const [heard, setHeard] = useState<CameraCode | null>(null);
  const opened = useRef(false);
  const end = useRef<() => void>(() => undefined);
  const cursor = playback?.at.value ?? pending;

  useEffect(() => () => end.current(), []);
  const start = (at: number) => {
    end.current = keepPlayback(codes, at, "skip", (one, time) => {
      one.seek(time);
      setPlayback(one);
    });
  };

  const seek = (time: number) => {
    const at = Math.min(time, serverNow() - 2000);
    setPending(at);
    if (playback) playback.seek(at);
    else if (!opened.current) {
      opened.current = true;
      start(at);
    }
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
    if (opened.current) return;
    if (asked === null && !own) return;
    const at = asked ?? (own ? opening(own, BACK_MS) : null);
    if (at === null) return;
    opened.current = true;
    setPending(at);
    start(at);
  }, [own]);

  useEffect(() => playback?.setRate(playing ? speed : 0), [playback, playing, speed]);

  useEffect(() => playback?.listen(heard === null ? null : codes.indexOf(heard)), [playback, heard]);
  const hear = (code: CameraCode | null) => setHeard((now) => (now === code ? null : code));

  const frame = (direction: 1 | -1) => {
    setPlaying(false);
    playback?.step(direction);
  };
  /** J and L: play in that direction, and faster with each press. */
  const shuttle = (direction: 1 | -1) => {
    const goes = playing && Math.sign(speed) === direction;
    if (direction < 0 && !playback?.reverses) return;
    setSpeed((now) => (goes ? direction * Math.min(MOST_SPEED, Math.max(1, Math.abs(now)) * 2) : direction));
    setPlaying(true);
  };
  const key = (event: KeyboardEvent): boolean => {
    // Two keys may come before the page is drawn again: the player knows where it is, this drawing may not.
    const at = playback?.at.peek() ?? pending ?? serverNow();
    const step = event.shiftKey ? 10_000 : 1000;
    const keys: Record<string, () => void> = {
      ArrowLeft: () => seek(at - step),
      ArrowRight: () => seek(at + step),
      ",": () => frame(-1),
      ".": () => frame(1),
      " ": () => setPlaying((now) => !now),
      j: () => shuttle(-1),
      k: () => setPlaying(false),
      l: () => shuttle(1),
      m: () => hear(heard ?? codes[0] ?? null),
    };
    // With a modifier they are the browser's.
    if (event.ctrlKey || event.altKey || event.metaKey) return false;
    const action = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
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
        {codes.map((code, i) => (
          <Pane
            key={code}
            code={code}
            pane={playback?.panes[i] ?? null}
            left={playback !== null && i >= playback.panes.length}
            recordings={recordings.get(code) ?? null}
            cursor={cursor}
            onGo={seek}
            onHear={() => hear(code)}
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
        ))}
      </div>
      <Transport
        playing={playing}
        speed={speed}
        reverses={playback?.reverses ?? false}
        way={playback?.kind ?? null}
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
