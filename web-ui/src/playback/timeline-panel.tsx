/**
 * The timeline with what belongs to it: going to a time, spans, pictures, kinds of events, the marked range and what is done with
 * it. Knows no player: it is told where the cursor is, and says where to go.
 */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { archive } from "../api/archive";
import { cameras, serverNow, user } from "../api/store";
import type { Hold } from "../domain/evidence";
import type { CameraCode } from "../domain/ids";
import { t } from "../i18n/t";
import { bytes, clock, dayClock, lengthWords, percentWords } from "../i18n/words";
import { Icon } from "../ui/icon";
import { Button, toast } from "../ui/widgets";
import { GoTo } from "./go-to";
import { JobChip } from "./job-chip";
import { type RangeAction, RangeDialogs } from "./range-dialogs";
import { ThumbnailStrip } from "./thumbnail-strip";
import { type Lane, Timeline } from "./timeline";
import { levelOf, TimelineData } from "./timeline-data";
import { GROUP_COLOUR } from "./timeline-draw";
import { amount, GROUPS, type Group, happenings, holeStarts, step } from "./timeline-look";
import { clamp, follow, lengthen, pan, range, type Window, zoom } from "./timeline-math";
import { linesOf } from "./timeline-moment";

const MINUTE = 60_000;
const DAY = 86_400_000;
export const PRESETS = [10_000, MINUTE, 10 * MINUTE, 60 * MINUTE, 6 * 60 * MINUTE, DAY, 7 * DAY, 30 * DAY] as const;
/** What grows is read again this often. */
const REFRESH_MS = 10_000;
const HOLDS_MS = 30_000;
/** A view that is still being dragged asks for nothing. */
const SETTLE_MS = 40;
/** Pictures want room that cameras need more when there are many, or the window is low. */
const STRIP_LANES = 4;
const STRIP_HEIGHT = 640;

interface Props {
  readonly codes: readonly CameraCode[];
  /** Where playback is, UTC ms. */
  readonly cursor: number | null;
  readonly onSeek: (time: number) => void;
  /** Keys that are the player's: frame steps, play and pause. */
  readonly onKey: (event: KeyboardEvent) => boolean;
}

export function TimelinePanel({ codes, cursor, onSeek, onKey }: Props) {
  const [view, setView] = useState<Window>(() => {
    const middle = cursor ?? serverNow() - 10 * MINUTE;
    return clamp({ from: middle - 30 * MINUTE, to: middle + 30 * MINUTE }, serverNow());
  });
  const [selection, setSelection] = useState<Window | null>(null);
  const [shown, setShown] = useState<ReadonlySet<Group>>(new Set(GROUPS));
  const [pictures, setPictures] = useState(innerHeight >= STRIP_HEIGHT);
  const [action, setAction] = useState<RangeAction | null>(null);
  const field = useRef<HTMLInputElement>(null);
  const [jobs, setJobs] = useState<readonly string[]>([]);
  const { data, width, box, version } = useData(codes, view);
  const [holds, readHolds] = useHolds(codes);
  const handling = user.value?.role === "administrator" || user.value?.role === "operator";
  const now = serverNow();

  const look = (next: Window) => setView(clamp(next, serverNow()));
  const go = (time: number) => {
    setView((old) => (time >= old.from && time < old.to ? old : centre(old, time)));
    onSeek(time);
  };

  // While it plays the view goes along; where somebody looks elsewhere it stays there. A jump is looked at.
  const before = useRef<number | null>(null);
  useEffect(() => {
    const last = before.current;
    before.current = cursor;
    if (cursor === null) return;
    setView((old) => {
      const watched = last !== null && last >= old.from && last <= old.to;
      if (last === null) return cursor >= old.from && cursor <= old.to ? old : centre(old, cursor);
      if (watched) return follow(old, cursor);
      return Math.abs(cursor - last) > 20_000 ? follow(old, cursor) : old;
    });
  }, [cursor === null ? null : Math.floor(cursor / 250)]);

  const lanes: readonly Lane[] = useMemo(
    () =>
      codes.map((code) => {
        const parts = data.parts(code, view, width);
        return {
          code,
          name: cameras.value.get(code)?.name ?? code,
          parts,
          happenings: happenings(parts, shown),
          holds: holds.filter((hold) => hold.cameras.length === 0 || hold.cameras.includes(code)),
        };
      }),
    [codes.join(), view, width, version, shown, holds],
  );
  const first = lanes[0];
  const incomplete = lanes.some((lane) => lane.parts.some((part) => part.content.incomplete));
  const words = first && cursor !== null ? linesOf(first, cursor, view).join(". ") : "";

  const jump = (starts: readonly number[], direction: 1 | -1, none: string) => {
    const there = step(starts, cursor ?? view.to, direction);
    if (there === null) toast(none);
    else go(there);
  };
  const events = () => lanes.flatMap((lane) => lane.happenings.map((one) => one.from));
  const gaps = () => lanes.flatMap((lane) => holeStarts(lane.parts));
  const mark = (end: "from" | "to") => {
    if (cursor === null) return;
    setSelection((old) => {
      const other = end === "from" ? (old?.to ?? cursor + MINUTE) : (old?.from ?? cursor - MINUTE);
      const sane = end === "from" ? Math.max(other, cursor + 1000) : Math.min(other, cursor - 1000);
      return range(cursor, sane);
    });
  };
  const open = (what: RangeAction) => selection && setAction(what);
  const key = (event: KeyboardEvent): boolean => {
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    const length = view.to - view.from;
    const anchor = cursor !== null && cursor >= view.from && cursor <= view.to ? cursor : (view.from + view.to) / 2;
    const keys: Record<string, () => void> = {
      "+": () => look(zoom(view, 0.5, anchor)),
      "=": () => look(zoom(view, 0.5, anchor)),
      "-": () => look(zoom(view, 2, anchor)),
      PageUp: () => look(pan(view, -length * 0.75)),
      PageDown: () => look(pan(view, length * 0.75)),
      "[": () => jump(events(), -1, t("timeline.noEvent")),
      "]": () => jump(events(), 1, t("timeline.noEvent")),
      "{": () => jump(gaps(), -1, t("timeline.noGap")),
      "}": () => jump(gaps(), 1, t("timeline.noGap")),
      i: () => mark("from"),
      o: () => mark("to"),
      g: () => field.current?.focus(),
      x: () => open("export"),
      e: () => handling && open("evidence"),
      h: () => handling && open("hold"),
      Escape: () => setSelection(null),
    };
    const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    act?.();
    return act !== undefined || onKey(event);
  };
  const latest = useRef(key);
  latest.current = key;
  useEffect(() => {
    // Wherever the focus is on the page, but where it means something of its own.
    const listen = (event: KeyboardEvent) => {
      const at = event.target as Element;
      if (event.defaultPrevented || !/^[\][{}iogxeh]$/i.test(event.key)) return;
      if (at.closest("input, textarea, select, [role=tree], dialog, canvas.timeline, [contenteditable]")) return;
      if (latest.current(event)) event.preventDefault();
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, []);

  const strip = pictures && codes.length <= STRIP_LANES && first;
  return (
    <div
      class="timeline-panel"
      ref={box}
      data-known={data.isKnown(codes, view, width)}
      data-level={levelOf(view, width)}
    >
      <div class="timeline-tools">
        <GoTo
          field={field}
          at={cursor ?? view.to}
          onGo={(time) => {
            setView((old) => centre(old.to - old.from > DAY ? { from: 0, to: 60 * MINUTE } : old, time));
            onSeek(time);
          }}
        />
        <Spans length={view.to - view.from} onPick={(length) => look(lengthen(view, length, cursor))} />
        <span class="grow" />
        <Groups shown={shown} onChange={setShown} held={holds.length > 0} />
        <button
          type="button"
          class="chip"
          aria-pressed={pictures}
          disabled={codes.length > STRIP_LANES}
          onClick={() => setPictures(!pictures)}
        >
          <Icon name="image" size={1} />
          <span>{t("timeline.strip")}</span>
        </button>
      </div>
      {strip && <ThumbnailStrip code={first.code} parts={first.parts} view={view} now={now} onSeek={go} />}
      <Timeline
        lanes={lanes}
        view={view}
        cursor={cursor}
        now={now}
        selection={selection}
        words={words}
        onView={look}
        onSeek={go}
        onSelect={setSelection}
        onKey={key}
      />
      <div class="timeline-under">
        {selection ? (
          <Marked
            lanes={lanes}
            selection={selection}
            handling={handling}
            onAction={setAction}
            onClear={() => setSelection(null)}
            onPlay={() => go(selection.from)}
          />
        ) : (
          <>
            <span class="under-words clip" role="status">
              {data.failed ? t("timeline.failed") : incomplete ? t("timeline.incomplete") : words}
            </span>
            <span class="grow" />
            <span class="dim hint clip">{t("timeline.hint", { open: "{", close: "}" })}</span>
            <Button label={t("timeline.markFrom")} disabled={cursor === null} onClick={() => mark("from")} />
            <Button label={t("timeline.markTo")} disabled={cursor === null} onClick={() => mark("to")} />
          </>
        )}
        {jobs.map((id) => (
          <JobChip key={id} id={id} onClose={() => setJobs((old) => old.filter((one) => one !== id))} />
        ))}
      </div>
      {action && selection && (
        <RangeDialogs
          action={action}
          codes={codes}
          selection={selection}
          onClose={() => setAction(null)}
          onHeld={() => void readHolds()}
          onJob={(job) => setJobs((old) => [...old.slice(-1), job.id])}
        />
      )}
    </div>
  );
}

function centre(view: Window, time: number): Window {
  const half = (view.to - view.from) / 2;
  return clamp({ from: time - half, to: time + half }, serverNow());
}

/** What is known of the cameras, kept true for the view; `version` changes when there is more. */
function useData(codes: readonly CameraCode[], view: Window) {
  const [version, setVersion] = useState(0);
  const [width, setWidth] = useState(() => Math.max(320, innerWidth - 280));
  const box = useRef<HTMLDivElement>(null);
  const held = useRef<TimelineData | null>(null);
  held.current ??= new TimelineData(archive.timeline, () => setVersion((n) => n + 1), serverNow);
  const data = held.current;
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(entry?.contentRect.width ?? 1000));
    if (box.current) observer.observe(box.current);
    return () => {
      observer.disconnect();
      data.close();
    };
  }, []);
  const level = levelOf(view, width);
  const asked = useRef<number | null>(null);
  useEffect(() => {
    const want = () => data.want(codes, view, width);
    // What is shown coarser than it could be is waited for by somebody; the rest may come when the hand rests.
    const timer = setTimeout(want, asked.current === level ? SETTLE_MS : 0);
    asked.current = level;
    const again = setInterval(want, REFRESH_MS);
    return () => {
      clearTimeout(timer);
      clearInterval(again);
    };
  }, [codes.join(), view, width]);
  return { data, width, box, version };
}

function useHolds(codes: readonly CameraCode[]): [readonly Hold[], () => Promise<void>] {
  const [holds, setHolds] = useState<readonly Hold[]>([]);
  const read = async () => {
    const answers = await Promise.all(codes.map((camera) => archive.holds({ camera, limit: 500 })));
    const found = new Map<number, Hold>();
    for (const answer of answers) if (answer.ok) for (const hold of answer.value) found.set(hold.id, hold);
    setHolds([...found.values()]);
  };
  useEffect(() => {
    void read();
    const timer = setInterval(() => void read(), HOLDS_MS);
    return () => clearInterval(timer);
  }, [codes.join()]);
  return [holds, read];
}

function Spans({ length, onPick }: { length: number; onPick: (length: number) => void }) {
  const nearest = PRESETS.reduce((best, one) =>
    Math.abs(Math.log(one / length)) < Math.abs(Math.log(best / length)) ? one : best,
  );
  return (
    <div class="spans">
      <Button icon="minus" label={t("timeline.zoomOut")} hideLabel onClick={() => onPick(length * 2)} />
      <select
        aria-label={t("timeline.presets")}
        value={String(nearest)}
        onChange={(event) => onPick(Number(event.currentTarget.value))}
      >
        {PRESETS.map((one) => (
          <option key={one} value={String(one)}>
            {lengthWords(one)}
          </option>
        ))}
      </select>
      <Button icon="plus" label={t("timeline.zoomIn")} hideLabel onClick={() => onPick(length / 2)} />
    </div>
  );
}

/** The legend is the filter: what each shape means, and whether it is shown. */
function Groups({
  shown,
  onChange,
  held,
}: {
  shown: ReadonlySet<Group>;
  onChange: (shown: ReadonlySet<Group>) => void;
  held: boolean;
}) {
  return (
    <div class="groups" role="group" aria-label={t("timeline.groups")}>
      {GROUPS.map((group) => (
        <button
          key={group}
          type="button"
          class="chip"
          aria-pressed={shown.has(group)}
          onClick={() => {
            const next = new Set(shown);
            if (!next.delete(group)) next.add(group);
            onChange(next);
          }}
        >
          <svg viewBox="0 0 12 12" aria-hidden="true" fill={GROUP_COLOUR[group]}>
            {group === "motion" && <path d="M2 2h2v8H2ZM5 4h2v4H5ZM8 1h2v10H8Z" />}
            {group === "picture" && <path d="M6 .5 11.5 6 6 11.5.5 6Z" />}
            {group === "line" && <path d="M2 2h8v8H2Z" />}
            {group === "people" && <path d="M6 1l5.5 10H.5Z" />}
          </svg>
          <span>{t(`timeline.group.${group}`)}</span>
        </button>
      ))}
      {held && (
        <span class="chip plain">
          <i class="held-rail" />
          <span>{t("timeline.legendHold")}</span>
        </span>
      )}
    </div>
  );
}

function Marked({
  lanes,
  selection,
  handling,
  onAction,
  onClear,
  onPlay,
}: {
  lanes: readonly Lane[];
  selection: Window;
  handling: boolean;
  onAction: (action: RangeAction) => void;
  onClear: () => void;
  onPlay: () => void;
}) {
  const sums = lanes.map((lane) => amount(lane.parts, selection));
  const length = selection.to - selection.from;
  const size = sums.reduce((sum, one) => sum + one.bytes, 0);
  const share = sums.reduce((sum, one) => sum + one.recordedMs, 0) / Math.max(1, length * sums.length);
  return (
    <>
      <span class="marked" role="status">
        <strong>
          {dayClock(selection.from)} –{" "}
          {new Date(selection.from).toDateString() === new Date(selection.to).toDateString()
            ? clock(selection.to)
            : dayClock(selection.to)}
        </strong>
        <span class="dim">
          {lengthWords(length)} ·{" "}
          {t("timeline.amount", { size: bytes(size), share: percentWords(Math.min(1, share), 0) })}
        </span>
      </span>
      <span class="grow" />
      <Button icon="play" label={t("timeline.playRange")} hideLabel onClick={onPlay} />
      <Button icon="download" label={t("timeline.export")} onClick={() => onAction("export")} />
      {handling && (
        <>
          <Button icon="lock" label={t("timeline.hold")} onClick={() => onAction("hold")} />
          <Button
            icon="packageCheck"
            tone="accent"
            label={t("timeline.evidence")}
            onClick={() => onAction("evidence")}
          />
        </>
      )}
      <Button icon="x" label={t("timeline.clear")} hideLabel onClick={onClear} />
    </>
  );
}
