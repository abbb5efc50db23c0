/** The cameras that were found: virtual, a page at a time, so that ten thousand are as light as ten. */
import { useEffect, useRef, useState } from "preact/hooks";
import { cameras, regionPath } from "../api/store";
import type { Camera } from "../domain/camera";
import { t, tCode } from "../i18n/t";
import { StateMark } from "../ui/marks";
import { useVirtual } from "../ui/rows";
import { Empty, Loading, problemWords } from "../ui/widgets";
import { calls } from "./calls";
import { PAGE, Pages } from "./pages";
import type { Find } from "./types";

interface Props {
  readonly find: Find;
  readonly sort: string;
  /** Rises when the register changed: then all is read again. */
  readonly turn: number;
  readonly chosen: string;
  readonly selected: ReadonlySet<string> | "all";
  readonly onOpen: (code: string) => void;
  readonly onSelect: ((code: string, on: boolean) => void) | null;
  readonly onTotal: (total: number) => void;
}

export function CameraTable({ find, sort, turn, chosen, selected, onOpen, onSelect, onTotal }: Props) {
  const pages = useRef(new Pages<Camera>());
  const [, draw] = useState(0);
  const [error, setError] = useState<string | null>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const key = JSON.stringify([find, sort, turn]);
  const asked = useRef("");
  if (asked.current !== key) {
    asked.current = key;
    pages.current = new Pages();
  }
  const total = pages.current.total ?? 0;
  const items = useVirtual(scroller, total, 2.75);
  const [focus, setFocus] = useState(0);
  useEffect(() => items.scrollTo(focus), [focus]);

  const first = items.list[0]?.index ?? 0;
  const last = items.list.at(-1)?.index ?? 0;
  useEffect(() => {
    const of = pages.current;
    const abort = new AbortController();
    const read = async (page: number) => {
      const answer = await calls.search(find, page * PAGE, PAGE, sort, abort.signal);
      if (of !== pages.current) return;
      if (!answer.ok) {
        of.failed(page);
        if (!abort.signal.aborted) setError(problemWords(answer.problem));
        return;
      }
      setError(null);
      of.take(page, answer.value.total, answer.value.cameras);
      onTotal(answer.value.total);
      draw((n) => n + 1);
    };
    const wanted = of.want(first, last);
    for (const page of wanted) void read(page);
    // Typing on makes the answer of a word before it worthless.
    return () => {
      if (of !== pages.current) abort.abort();
    };
  }, [key, first, last]);

  if (error) return <p class="notice bad">{error}</p>;
  if (pages.current.total === null) return <Loading />;
  if (total === 0) return <Empty icon="cctv" title={t("reg.none")} hint={t("reg.noneHint")} />;
  const move = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 12, PageUp: -12 }[event.key];
    const camera = pages.current.at(focus);
    if (step !== undefined) setFocus(Math.min(total - 1, Math.max(0, focus + step)));
    else if (event.key === "Home") setFocus(0);
    else if (event.key === "End") setFocus(total - 1);
    else if (event.key === "Enter" && camera) onOpen(camera.code);
    else if (event.key === " " && camera && onSelect) onSelect(camera.code, !has(selected, camera.code));
    else return;
    event.preventDefault();
  };
  return (
    <div class="reg-table" role="grid" aria-label={t("reg.list")} aria-rowcount={total + 1}>
      <div class="reg-line reg-table-head" role="row">
        {onSelect && <span role="columnheader" aria-label={t("reg.bulk")} />}
        <span role="columnheader">{t("rf.name")}</span>
        <span role="columnheader" class="wide-only">
          {t("rf.code")}
        </span>
        <span role="columnheader" class="wide-only">
          {t("rf.region")}
        </span>
        <span role="columnheader">{t("camera.state")}</span>
        <span role="columnheader" class="wide-only extra">
          {t("rf.site_class")}
        </span>
        <span role="columnheader" class="wide-only extra">
          {t("rf.maker")}
        </span>
        <span role="columnheader" class="wide-only extra">
          {t("rf.tags")}
        </span>
      </div>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- keys move through the grid's rows */}
      <div class="scroll" ref={scroller} role="rowgroup" tabIndex={0} aria-label={t("reg.list")} onKeyDown={move}>
        <div role="presentation" style={{ height: `${items.total}px`, position: "relative" }}>
          {items.list.map((item) => {
            const listed = pages.current.at(item.index);
            const camera = listed && (cameras.value.get(listed.code) ?? listed);
            const current = item.index === focus;
            return (
              // oxlint-disable-next-line jsx-a11y/click-events-have-key-events -- keys are the table's
              <div
                key={item.index}
                class={`reg-line row ${current ? "current" : ""} ${camera?.code === chosen ? "chosen" : ""}`}
                role="row"
                aria-rowindex={item.index + 2}
                tabIndex={-1}
                data-camera={camera?.code}
                style={{ transform: `translateY(${item.start}px)` }}
                onClick={() => {
                  setFocus(item.index);
                  if (camera) onOpen(camera.code);
                }}
              >
                {camera && onSelect && (
                  <span role="gridcell" tabIndex={-1}>
                    <input
                      type="checkbox"
                      tabIndex={-1}
                      aria-label={t("reg.select", { name: camera.name })}
                      checked={has(selected, camera.code)}
                      onClick={(event) => event.stopPropagation()}
                      onChange={(event) => onSelect(camera.code, event.currentTarget.checked)}
                    />
                  </span>
                )}
                {camera && (
                  <>
                    <span role="gridcell" class="clip">
                      {camera.name}
                    </span>
                    <span role="gridcell" class="dim wide-only code">
                      {camera.code}
                    </span>
                    <span role="gridcell" class="dim clip wide-only">
                      {regionPath(camera.region)}
                    </span>
                    <span role="gridcell">
                      <StateMark state={camera.state} words />
                    </span>
                    <span role="gridcell" class="dim wide-only extra">
                      {tCode("siteClass", camera.site_class ?? "") ?? "—"}
                    </span>
                    <span role="gridcell" class="dim clip wide-only extra">
                      {camera.maker || "—"}
                    </span>
                    <span role="gridcell" class="dim clip wide-only extra">
                      {(camera.tags ?? []).join(" / ")}
                    </span>
                  </>
                )}
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

const has = (selected: ReadonlySet<string> | "all", code: string): boolean => selected === "all" || selected.has(code);
