/**
 * The timeline: a lane a camera, from a month to ten seconds. The wheel zooms at the pointer, dragging moves, Shift-dragging marks a
 * range whose ends can be moved. What is under the pointer is told in words, with a picture of it.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import type { CameraCode } from "../domain/ids";
import { t } from "../i18n/t";
import { dayClock } from "../i18n/words";
import { AXIS, draw, heightOf, type LaneScene, laneAt } from "./timeline-draw";
import { pan, range, timeAt, type Window, xAt, zoom } from "./timeline-math";
import { MomentCard } from "./timeline-moment";

export interface Lane extends LaneScene {
  readonly code: CameraCode;
}
interface Props {
  readonly lanes: readonly Lane[];
  readonly view: Window;
  readonly cursor: number | null;
  readonly now: number;
  readonly selection: Window | null;
  /** In words what is at the cursor, for who cannot see it. */
  readonly words: string;
  readonly onView: (view: Window) => void;
  readonly onSeek: (time: number) => void;
  readonly onSelect: (selection: Window | null) => void;
  readonly onKey: (event: KeyboardEvent) => boolean;
}

/** The pointer rests this long before a picture of the moment is asked for. */
const REST_MS = 180;
/** A press that moved less than this is a click, px. */
const SLOP = 4;
/** Who presses this near to an end of the marked range means it, px. */
const GRIP = 8;

type Drag =
  | { readonly kind: "pan"; readonly x: number; readonly view: Window; moved: boolean }
  | { readonly kind: "mark"; readonly x: number; readonly view: Window; readonly from: number; moved: boolean };

export function Timeline(props: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const drag = useRef<Drag | null>(null);
  const pinch = useRef(new Map<number, number>());
  const [hover, setHover] = useState<{ time: number; lane: number; left: number; resting: boolean } | null>(null);
  const rest = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
  const height = heightOf(props.lanes.length) * rem;

  const redraw = () => {
    const element = canvas.current;
    if (element) draw(element, { ...latest.current, hover, rem });
  };
  useEffect(redraw);
  useEffect(() => () => clearTimeout(rest.current), []);
  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const observer = new ResizeObserver(() => draw(element, { ...latest.current, hover: null, rem }));
    observer.observe(element);
    const wheel = (event: WheelEvent) => {
      event.preventDefault();
      const { view, onView } = latest.current;
      const box = element.getBoundingClientRect();
      // Lines and pages of a wheel that does not count in pixels.
      const unit = event.deltaMode === 1 ? 33 : event.deltaMode === 2 ? 400 : 1;
      const [dx, dy] = [event.deltaX * unit, event.deltaY * unit];
      if (event.shiftKey || Math.abs(dx) > Math.abs(dy)) {
        onView(pan(view, ((dx || dy) / box.width) * (view.to - view.from)));
      } else {
        const limited = Math.max(-400, Math.min(400, dy));
        onView(zoom(view, 1.0022 ** limited, timeAt(view, event.clientX - box.left, box.width)));
      }
      // The next turn of the wheel may come before the page is drawn again.
      setHover(null);
    };
    // Preact's onWheel is passive in some browsers: the page would scroll as well.
    element.addEventListener("wheel", wheel, { passive: false });
    return () => {
      observer.disconnect();
      element.removeEventListener("wheel", wheel);
    };
  }, []);

  const at = (event: PointerEvent, view = props.view): number => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return timeAt(view, event.clientX - box.left, box.width);
  };
  /** The end of the marked range under the pointer: the other one stays. */
  const grip = (event: PointerEvent): number | null => {
    if (!props.selection) return null;
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const x = event.clientX - box.left;
    const reach = (event.pointerType === "touch" ? 3 : 1) * GRIP * rem;
    const { from, to } = props.selection;
    const off = (time: number) => Math.abs(xAt(props.view, time, box.width) - x);
    if (Math.min(off(from), off(to)) > reach) return null;
    return off(from) < off(to) ? to : from;
  };
  const rests = (event: PointerEvent) => {
    clearTimeout(rest.current);
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const y = (event.clientY - box.top) / rem;
    const next = { time: at(event), lane: laneAt(y, props.lanes.length), left: event.clientX, resting: false };
    setHover(next);
    if (event.pointerType === "touch" || y < AXIS - 8) return;
    rest.current = setTimeout(() => setHover({ ...next, resting: true }), REST_MS);
  };
  const leave = () => {
    clearTimeout(rest.current);
    setHover(null);
  };

  const cursor = props.cursor ?? props.view.from;
  const shown = hover?.resting ? props.lanes[hover.lane] : undefined;
  return (
    <div class="timeline-box">
      {hover && shown && canvas.current && (
        <MomentCard
          key={`${shown.code}${Math.round(hover.time)}`}
          lane={shown}
          time={hover.time}
          view={props.view}
          left={hover.left}
          bottom={innerHeight - canvas.current.getBoundingClientRect().top + 6}
        />
      )}
      <canvas
        ref={canvas}
        class="timeline"
        style={{ height: `${height}px` }}
        role="slider"
        tabIndex={0}
        aria-label={t("timeline.label")}
        aria-keyshortcuts="ArrowLeft ArrowRight + - [ ] { } I O G"
        aria-valuemin={Math.round(props.view.from / 1000)}
        aria-valuemax={Math.round(props.view.to / 1000)}
        aria-valuenow={Math.round(cursor / 1000)}
        aria-valuetext={`${dayClock(cursor)}. ${props.words}`}
        onKeyDown={(event) => {
          if (props.onKey(event)) event.preventDefault();
        }}
        onPointerDown={(event) => {
          if (event.button !== 0) return;
          event.currentTarget.setPointerCapture(event.pointerId);
          pinch.current.set(event.pointerId, event.clientX);
          leave();
          const other = grip(event);
          if (event.shiftKey || other !== null) {
            drag.current = {
              kind: "mark",
              x: event.clientX,
              view: props.view,
              from: other ?? at(event),
              moved: other !== null,
            };
          } else drag.current = { kind: "pan", x: event.clientX, view: props.view, moved: false };
        }}
        onPointerMove={(event) => {
          const fingers = pinch.current;
          if (fingers.size === 2 && fingers.has(event.pointerId)) {
            const [a, b] = [...fingers.values()] as [number, number];
            fingers.set(event.pointerId, event.clientX);
            const [c, d] = [...fingers.values()] as [number, number];
            const [before, after] = [Math.abs(a - b), Math.abs(c - d)];
            const box = event.currentTarget.getBoundingClientRect();
            drag.current = null;
            if (before < 8 || after < 8) return;
            const { view } = latest.current;
            props.onView(zoom(view, before / after, timeAt(view, (c + d) / 2 - box.left, box.width)));
            return;
          }
          const now = drag.current;
          if (!now) {
            event.currentTarget.style.cursor = grip(event) === null ? "" : "ew-resize";
            rests(event);
            return;
          }
          const by = event.clientX - now.x;
          if (Math.abs(by) > SLOP) now.moved = true;
          if (!now.moved) return;
          const box = event.currentTarget.getBoundingClientRect();
          if (now.kind === "mark") props.onSelect(range(now.from, at(event, now.view)));
          else props.onView(pan(now.view, (-by / box.width) * (now.view.to - now.view.from)));
        }}
        onPointerUp={(event) => {
          pinch.current.delete(event.pointerId);
          const now = drag.current;
          drag.current = null;
          if (now?.kind === "pan" && !now.moved) props.onSeek(at(event));
        }}
        onPointerCancel={(event) => {
          pinch.current.delete(event.pointerId);
          drag.current = null;
        }}
        onPointerLeave={leave}
        onDblClick={(event) => {
          const box = event.currentTarget.getBoundingClientRect();
          props.onView(zoom(props.view, 0.25, timeAt(props.view, event.clientX - box.left, box.width)));
        }}
      />
    </div>
  );
}
