/** The timeline: one lane a camera, recordings solid, gaps hatched, events as marks. Wheel zooms, drag pans, Shift marks. */
import { useEffect, useRef, useState } from "preact/hooks";
import { snapshotUrl } from "../api/client";
import { type CameraCode, toRfc3339 } from "../domain/ids";
import type { Recordings, SightEvent } from "../domain/types";
import { t, tCode } from "../i18n/t";
import { clock, day, dayClock, eventWords } from "../i18n/words";
import { GRADE_COLOUR } from "../ui/marks";
import { lookUp, pan, range, ticks, timeAt, type Window, xAt, zoom } from "./timeline-math";

export interface Lane {
  readonly code: CameraCode;
  readonly name: string;
  readonly recordings: Recordings | null;
}
interface Props {
  readonly lanes: readonly Lane[];
  readonly view: Window;
  readonly cursor: number | null;
  readonly now: number;
  readonly selection: Window | null;
  readonly onView: (view: Window) => void;
  readonly onSeek: (time: number) => void;
  readonly onSelect: (selection: Window | null) => void;
  readonly onKey: (event: KeyboardEvent) => boolean;
}

const AXIS = 28;
const BAR = 22;
const MARKS = 16;
const GAP = 10;
/** With many lanes the picture needs the room more: bars become narrower. */
const barOf = (lanes: number): number => (lanes > 4 ? 10 : BAR);
const laneOf = (lanes: number): number => barOf(lanes) + (lanes > 4 ? 12 : MARKS) + (lanes > 4 ? 4 : GAP);
/** The pointer rests this long before a picture of the moment is asked for. */
const REST_MS = 250;
/** A press that moved less than this is a click, px. */
const SLOP = 4;

interface Moment {
  readonly lane: Lane;
  readonly time: number;
  readonly left: number;
  readonly bottom: number;
}

export function Timeline(props: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const drag = useRef<{ x: number; view: Window; select: boolean; moved: boolean } | null>(null);
  const hover = useRef<number | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
  const height = (AXIS + Math.max(1, props.lanes.length) * laneOf(props.lanes.length)) * rem;

  const [thumbnail, setThumbnail] = useState<Moment | null>(null);
  const rest = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(rest.current), []);
  /** A picture of the moment under the pointer, once it rests there, if there is a recording of it. */
  const show = (event: PointerEvent | null) => {
    clearTimeout(rest.current);
    setThumbnail(null);
    const time = hover.current;
    if (!event || time === null || event.pointerType === "touch" || event.buttons !== 0) return;
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const n = Math.floor(((event.clientY - box.top) / rem - AXIS) / laneOf(props.lanes.length));
    const lane = props.lanes[Math.min(props.lanes.length - 1, Math.max(0, n))];
    if (!lane || lookUp(lane.recordings, time).kind !== "recorded") return;
    const wide = 240 * rem;
    const left = Math.min(innerWidth - wide, Math.max(0, event.clientX - wide / 2));
    const bottom = innerHeight - box.top + 4;
    rest.current = setTimeout(() => setThumbnail({ lane, time, left, bottom }), REST_MS);
  };

  const redraw = () => {
    if (canvas.current) draw(canvas.current, latest.current, hover.current, rem);
  };
  useEffect(redraw);
  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const observer = new ResizeObserver(redraw);
    observer.observe(element);
    const wheel = (event: WheelEvent) => {
      event.preventDefault();
      const { view, onView } = latest.current;
      const box = element.getBoundingClientRect();
      if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        onView(pan(view, ((event.deltaX || event.deltaY) / box.width) * (view.to - view.from)));
      } else onView(zoom(view, 1.0015 ** event.deltaY, timeAt(view, event.clientX - box.left, box.width)));
    };
    // Preact's onWheel is passive in some browsers: the page would scroll as well.
    element.addEventListener("wheel", wheel, { passive: false });
    return () => {
      observer.disconnect();
      element.removeEventListener("wheel", wheel);
    };
  }, []);

  const time = (event: PointerEvent): number => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return timeAt(drag.current?.view ?? props.view, event.clientX - box.left, box.width);
  };
  const cursor = props.cursor ?? props.view.from;
  return (
    <>
      {thumbnail && <Thumbnail key={`${thumbnail.lane.code}${thumbnail.time}`} {...thumbnail} />}
      <canvas
        ref={canvas}
        class="timeline"
        style={{ height: `${height}px` }}
        role="slider"
        tabIndex={0}
        aria-label={t("playback.timeline")}
        aria-valuemin={Math.round(props.view.from / 1000)}
        aria-valuemax={Math.round(props.view.to / 1000)}
        aria-valuenow={Math.round(cursor / 1000)}
        aria-valuetext={dayClock(cursor)}
        onKeyDown={(event) => {
          if (props.onKey(event)) event.preventDefault();
        }}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          drag.current = { x: event.clientX, view: props.view, select: event.shiftKey, moved: false };
        }}
        onPointerMove={(event) => {
          const now = drag.current;
          const box = event.currentTarget.getBoundingClientRect();
          hover.current = timeAt(props.view, event.clientX - box.left, box.width);
          show(now ? null : event);
          if (!now) return redraw();
          const by = event.clientX - now.x;
          if (Math.abs(by) > SLOP) now.moved = true;
          if (!now.moved) return;
          if (now.select) props.onSelect(range(timeAt(now.view, now.x - box.left, box.width), time(event)));
          else props.onView(pan(now.view, (-by / box.width) * (now.view.to - now.view.from)));
        }}
        onPointerUp={(event) => {
          const now = drag.current;
          const at = time(event);
          drag.current = null;
          if (now && !now.moved) props.onSeek(at);
        }}
        onPointerLeave={() => {
          hover.current = null;
          show(null);
          redraw();
        }}
      />
    </>
  );
}

/** How it looked then. A moment whose picture cannot be made shows nothing: the timeline says all else. */
function Thumbnail({ lane, time, left, bottom }: Moment) {
  const [there, setThere] = useState(false);
  return (
    <figure class="thumbnail" hidden={!there} style={{ left: `${left}px`, bottom: `${bottom}px` }}>
      <img src={snapshotUrl(lane.code, { at: toRfc3339(time), width: 320 })} alt="" onLoad={() => setThere(true)} />
      <figcaption>
        <span class="clip grow">{lane.name}</span>
        <span>{clock(time)}</span>
      </figcaption>
    </figure>
  );
}

function draw(canvas: HTMLCanvasElement, props: Props, hover: number | null, rem: number): void {
  const ratio = devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext("2d");
  if (!context) return;
  const css = getComputedStyle(document.documentElement);
  const ink = (name: string): string => css.getPropertyValue(name).trim();
  const { view } = props;
  const x = (ms: number): number => xAt(view, ms, width);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.fillStyle = ink("--s1");
  context.fillRect(0, 0, width, height);
  const font = (px: number, weight = 400) => `${weight} ${px * rem}px "Noto Sans CJK SC","Microsoft YaHei",system-ui`;
  context.textBaseline = "middle";

  const zone = -new Date(view.from).getTimezoneOffset() * 60_000;
  const { step, at } = ticks(view, width, 84 * rem, zone);
  context.font = font(12);
  for (const time of at) {
    context.fillStyle = ink("--line");
    context.fillRect(Math.round(x(time)), 0, 1, height);
    const midnight = (time + zone) % 86_400_000 === 0;
    const words = midnight ? day(time) : step < 60_000 ? clock(time) : clock(time).slice(0, 5);
    context.fillStyle = ink(midnight ? "--text" : "--dim");
    context.fillText(words, x(time) + 4 * rem, (AXIS / 2) * rem);
  }

  props.lanes.forEach((lane, i) => {
    const top = (AXIS + i * laneOf(props.lanes.length) + (props.lanes.length > 4 ? 2 : 4)) * rem;
    const bar = barOf(props.lanes.length) * rem;
    context.fillStyle = ink("--s0");
    context.fillRect(0, top, width, bar);
    for (const gap of lane.recordings?.gaps ?? []) {
      gapBar(context, x(Date.parse(gap.start)), x(Date.parse(gap.end)), top, bar, width, ink("--dim"));
      const from = Math.max(0, x(Date.parse(gap.start)));
      const to = Math.min(width, x(Date.parse(gap.end)));
      const words = tCode("reason", gap.reason?.code ?? "unknown") ?? gap.reason?.text ?? "";
      context.font = font(12);
      const room = context.measureText(words).width + 16 * rem;
      if (to - from > room) {
        const middle = (from + to) / 2;
        context.fillStyle = ink("--s0");
        context.fillRect(middle - room / 2, top + 2, room, bar - 4);
        context.fillStyle = ink("--dim");
        context.textAlign = "center";
        context.fillText(words, middle, top + bar / 2);
        context.textAlign = "left";
      }
    }
    for (const span of lane.recordings?.spans ?? []) {
      const from = Math.max(0, x(Date.parse(span.start)));
      const to = Math.min(width, x(Date.parse(span.end)));
      if (to <= from) continue;
      context.fillStyle = "#5F7F9C";
      context.fillRect(from, top, Math.max(1, to - from), bar);
    }
    if (props.lanes.length > 1) {
      context.font = font(12, 600);
      context.lineWidth = 3 * rem;
      context.strokeStyle = "#0F1720";
      context.strokeText(lane.name, 8 * rem, top + bar / 2);
      context.fillStyle = "#E6EDF3";
      context.fillText(lane.name, 8 * rem, top + bar / 2);
    }
    for (const event of lane.recordings?.events ?? []) mark(context, event, x, top + bar + 3 * rem, rem, width);
  });

  const future = x(props.now);
  if (future < width) {
    context.fillStyle = ink("--s1");
    context.globalAlpha = 0.75;
    context.fillRect(Math.max(0, future), AXIS * rem, width, height);
    context.globalAlpha = 1;
    context.fillStyle = ink("--dim");
    context.fillRect(future, AXIS * rem, 1, height);
  }
  if (props.selection) {
    const from = x(props.selection.from);
    const to = x(props.selection.to);
    context.fillStyle = "rgba(76,154,255,0.25)";
    context.fillRect(from, 0, to - from, height);
    context.fillStyle = ink("--accent");
    context.fillRect(from, 0, 2 * rem, height);
    context.fillRect(to - 2 * rem, 0, 2 * rem, height);
  }
  if (props.cursor !== null)
    flag(context, x(props.cursor), clock(props.cursor), height, rem, width, ink("--text"), ink("--s0"), font);
  if (hover !== null && props.cursor !== null && Math.abs(x(hover) - x(props.cursor)) > 50 * rem) {
    flag(context, x(hover), hoverWords(props, hover), height, rem, width, ink("--s3"), ink("--text"), font);
  }
}

function hoverWords(props: Props, at: number): string {
  const near = (props.view.to - props.view.from) / 200;
  for (const lane of props.lanes) {
    const event = lane.recordings?.events.find((one) => Math.abs(Date.parse(one.start) - at) < near);
    if (event) return `${clock(at)} ${eventWords(event.kind)}`;
  }
  return clock(at);
}

function gapBar(
  context: CanvasRenderingContext2D,
  from: number,
  to: number,
  top: number,
  height: number,
  width: number,
  colour: string,
): void {
  const left = Math.max(0, from);
  const right = Math.min(width, to);
  if (right <= left) return;
  context.save();
  context.beginPath();
  context.rect(left, top, Math.max(1.5, right - left), height);
  context.clip();
  context.strokeStyle = colour;
  context.globalAlpha = 0.45;
  context.lineWidth = 1;
  context.beginPath();
  // Hatching hangs on the gap's own start, so that it moves with the gap.
  const shift = ((from % 8) + 8) % 8;
  for (let at = left - height - ((left - shift) % 8); at < right + 8; at += 8) {
    context.moveTo(at, top + height);
    context.lineTo(at + height, top);
  }
  context.stroke();
  context.restore();
}

/** The grade's shape at the start of an event, with a line as long as it lasted. */
function mark(
  context: CanvasRenderingContext2D,
  event: SightEvent,
  x: (ms: number) => number,
  top: number,
  rem: number,
  width: number,
): void {
  const at = x(Date.parse(event.start));
  const end = x(Date.parse(event.end ?? event.last ?? event.start));
  if (end < 0 || at > width) return;
  const r = 4.5 * rem;
  const y = top + r + rem;
  context.fillStyle = GRADE_COLOUR[event.grade];
  if (end - at > 2) context.fillRect(at, y - rem, end - at, 2 * rem);
  context.beginPath();
  if (event.grade === "I") {
    context.moveTo(at, y - r);
    context.lineTo(at + r, y + r);
    context.lineTo(at - r, y + r);
  } else if (event.grade === "II") {
    context.moveTo(at, y - r);
    context.lineTo(at + r, y);
    context.lineTo(at, y + r);
    context.lineTo(at - r, y);
  } else if (event.grade === "III") context.arc(at, y, r, 0, Math.PI * 2);
  else context.rect(at - r * 0.85, y - r * 0.85, r * 1.7, r * 1.7);
  context.fill();
}

function flag(
  context: CanvasRenderingContext2D,
  at: number,
  words: string,
  height: number,
  rem: number,
  width: number,
  back: string,
  fore: string,
  font: (px: number, weight?: number) => string,
): void {
  if (at < -1 || at > width + 1) return;
  context.font = font(12, 600);
  const room = context.measureText(words).width + 12 * rem;
  const left = Math.min(width - room, Math.max(0, at - room / 2));
  context.fillStyle = back;
  context.fillRect(at - rem, 0, 2 * rem, height);
  context.beginPath();
  context.roundRect(left, 3 * rem, room, 22 * rem, 4 * rem);
  context.fill();
  context.fillStyle = fore;
  context.fillText(words, left + 6 * rem, 14 * rem);
}
