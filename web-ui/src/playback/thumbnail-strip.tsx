/** Pictures along the timeline, of the camera that is the clock. */
import { useEffect, useRef, useState } from "preact/hooks";
import { thumbnailUrl } from "../api/archive";
import { type CameraCode, toRfc3339 } from "../domain/ids";
import { slots, Thumbnails } from "./thumbnails";
import type { Part } from "./timeline-data";
import { here } from "./timeline-look";
import { type Window, xAt } from "./timeline-math";

/** A view that still moves asks for nothing. */
const SETTLE_MS = 160;
/** What is not there yet near the present is asked for again, ms. */
const EDGE_MS = 120_000;

async function load(code: CameraCode, time: number): Promise<string | null> {
  const answer = await fetch(thumbnailUrl(code, toRfc3339(time), 160), { credentials: "same-origin" });
  return answer.ok ? URL.createObjectURL(await answer.blob()) : null;
}

export function ThumbnailStrip({
  code,
  parts,
  view,
  now,
  onSeek,
}: {
  code: CameraCode;
  parts: readonly Part[];
  view: Window;
  now: number;
  onSeek: (time: number) => void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const [, drawn] = useState(0);
  const kept = useRef<Thumbnails | null>(null);
  useEffect(() => {
    const all = new Thumbnails(load, URL.revokeObjectURL, () => drawn((n) => n + 1));
    kept.current = all;
    const observer = new ResizeObserver(([entry]) => setWidth(entry?.contentRect.width ?? 0));
    if (box.current) observer.observe(box.current);
    return () => {
      observer.disconnect();
      all.close();
      kept.current = null;
    };
  }, []);
  const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
  const all = slots(view, width, 96 * rem);
  const recorded = (time: number, length: number): number | null => {
    // The moment of the slot, or where in it a recording begins.
    for (const at of [time, time + length / 4, time + length / 2, time + (length * 3) / 4]) {
      const found = here(parts, at);
      if (found.kind === "recorded" && !found.stretch.unavailable) return at;
    }
    return null;
  };
  const wanted = all.flatMap(({ time, length }) => {
    const at = recorded(time, length);
    return at === null || at > now - 2000 ? [] : [{ code, time: at }];
  });
  const key = wanted.map((one) => one.time).join();
  useEffect(() => {
    if (width === 0) return;
    const timer = setTimeout(() => {
      for (const one of wanted) if (one.time > now - EDGE_MS) kept.current?.forget(one.code, one.time);
      kept.current?.want(wanted);
    }, SETTLE_MS);
    return () => clearTimeout(timer);
  }, [key, width]);
  return (
    // A second way to what the timeline does: not in the order of Tab.
    <div class="strip" ref={box} aria-hidden="true">
      {width > 0 &&
        all.map(({ time, length }) => {
          const at = recorded(time, length);
          const address = at === null ? null : kept.current?.get(code, at);
          const left = xAt(view, time, width);
          const wide = xAt(view, time + length, width) - left;
          return (
            // oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-static-element-interactions -- keys are the timeline's
            <div
              key={time}
              class={at === null ? "strip-slot blank" : "strip-slot"}
              style={{ transform: `translateX(${left}px)`, width: `${wide}px` }}
              onClick={() => at !== null && onSeek(at)}
            >
              {address && <img src={address} alt="" draggable={false} />}
            </div>
          );
        })}
    </div>
  );
}
