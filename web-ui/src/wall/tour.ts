/** A tour shows all cameras page by page; the next page is connected before it is shown. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { CameraCode } from "../domain/ids";

const LEAST_S = 5;
const MOST_S = 300;
/** The next page connects this long before its turn: with a key frame every two to four seconds it then has a picture. */
const AHEAD_S = 5;
/** A chosen tile or a new alarm holds the tour this long. */
const HOLD_S = 30;

export interface Tour {
  readonly on: boolean;
  readonly held: boolean;
  readonly page: number;
  readonly pages: number;
  readonly dwell: number;
  readonly codes: (CameraCode | null)[] | null;
  readonly ahead: readonly CameraCode[];
  toggle(): void;
  stop(): void;
  hold(): void;
  setDwell(seconds: number): void;
}

export function useTour(all: readonly CameraCode[], size: number, newest: string | undefined): Tour {
  const [on, setOn] = useState(false);
  const [dwell, setDwell] = useState(15);
  const [at, setAt] = useState({ page: 0, left: 15, held: 0 });
  const pages = Math.max(1, Math.ceil(all.length / size));
  useEffect(() => {
    if (!on) return;
    const timer = setInterval(() => {
      setAt((now) => {
        if (now.held > 0) return { ...now, held: now.held - 1 };
        if (now.left > 1) return { ...now, left: now.left - 1 };
        return { page: (now.page + 1) % pages, left: dwell, held: 0 };
      });
    }, 1000);
    return () => clearInterval(timer);
  }, [on, pages, dwell]);
  const hold = () => setAt((now) => ({ ...now, held: HOLD_S }));
  const seen = useRef(newest);
  useEffect(() => {
    if (on && seen.current !== newest) hold();
    seen.current = newest;
  }, [newest, on]);
  const page = at.page % pages;
  const pageOf = (n: number) => all.slice(n * size, (n + 1) * size);
  const here = pageOf(page);
  return {
    on,
    held: at.held > 0,
    page,
    pages,
    dwell,
    codes: on ? Array.from({ length: size }, (_, i) => here[i] ?? null) : null,
    ahead: on && pages > 1 && at.held === 0 && at.left <= AHEAD_S ? pageOf((page + 1) % pages) : [],
    toggle: () => {
      setAt({ page: 0, left: dwell, held: 0 });
      setOn(!on);
    },
    stop: () => setOn(false),
    hold,
    setDwell: (seconds) =>
      Number.isFinite(seconds) && setDwell(Math.min(MOST_S, Math.max(LEAST_S, Math.round(seconds)))),
  };
}
