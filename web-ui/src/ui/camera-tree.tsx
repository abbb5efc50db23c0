/** The tree of regions and cameras: collapsible, virtual, searched by name, pinyin initials and code. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { cameras, tree } from "../api/store";
import type { CameraCode } from "../domain/ids";
import { matcher } from "../domain/search";
import { flatten, type Row } from "../domain/tree";
import { t } from "../i18n/t";
import { reasonWords, regionName } from "../i18n/words";
import { Icon } from "./icon";
import { knownInitials, loadInitials } from "./initials";
import { StateMark } from "./marks";
import { useVirtual } from "./rows";
import { Empty } from "./widgets";

export const CAMERA_MIME = "application/x-sightline-camera";

export function CameraTree({ onPick, chosen }: { onPick: (code: CameraCode) => void; chosen: ReadonlySet<string> }) {
  const [query, setQuery] = useState("");
  const [ready, setReady] = useState(knownInitials() !== null);
  const [open, setOpen] = useState<ReadonlySet<string>>(() => firstOpen());
  const [at, setAt] = useState(0);
  const rows = useMemo(() => {
    const only = query.trim() ? matcher(query, ready ? knownInitials() : null) : undefined;
    return flatten(tree.value, open, only);
  }, [tree.value, open, query, ready]);
  const scroller = useRef<HTMLDivElement>(null);
  const items = useVirtual(scroller, rows.length);

  const toggle = (code: string) => {
    const next = new Set(open);
    if (!next.delete(code)) next.add(code);
    setOpen(next);
  };
  const act = (row: Row | undefined) => {
    if (row?.kind === "region") toggle(row.region.code);
    else if (row) onPick(row.camera.code);
  };
  const key = (event: KeyboardEvent) => {
    const row = rows[at];
    const move = { ArrowDown: 1, ArrowUp: -1, PageDown: 12, PageUp: -12 }[event.key];
    if (move !== undefined) setAt(Math.min(rows.length - 1, Math.max(0, at + move)));
    else if (event.key === "Home") setAt(0);
    else if (event.key === "End") setAt(rows.length - 1);
    else if (event.key === "Enter") act(row);
    else if (event.key === "ArrowRight" && row?.kind === "region" && !row.open) toggle(row.region.code);
    else if (event.key === "ArrowLeft" && row?.kind === "region" && row.open) toggle(row.region.code);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  useEffect(() => items.scrollTo(at), [at]);

  return (
    <div class="camera-tree">
      <label class="search">
        <Icon name="search" size={1.125} />
        <input
          type="search"
          value={query}
          placeholder={t("wall.search")}
          aria-label={t("wall.search")}
          onFocus={() => void loadInitials().then(() => setReady(true))}
          onInput={(event) => {
            setQuery(event.currentTarget.value);
            setAt(0);
          }}
          onKeyDown={(event) => {
            if (event.key === "Enter") act(rows.find((row) => row.kind === "camera"));
            if (event.key === "ArrowDown") scroller.current?.focus();
          }}
        />
      </label>
      <div
        class="scroll rows"
        ref={scroller}
        role="tree"
        tabIndex={0}
        aria-label={t("wall.tree")}
        aria-activedescendant={rows[at] ? `row-${at}` : undefined}
        onKeyDown={key}
      >
        {cameras.value.size === 0 && <Empty icon="cctv" title={t("wall.noCameras")} hint={t("wall.noCamerasHint")} />}
        {cameras.value.size > 0 && rows.length === 0 && (
          <Empty icon="search" title={t("wall.noneFound")} hint={t("wall.noneFoundHint")} />
        )}
        <div role="presentation" style={{ height: `${items.total}px`, position: "relative" }}>
          {items.list.map((item) => {
            const row = rows[item.index];
            if (!row) return null;
            return (
              <TreeRow
                key={row.kind === "region" ? row.region.code : row.camera.code}
                row={row}
                id={`row-${item.index}`}
                top={item.start}
                current={item.index === at}
                chosen={row.kind === "camera" && chosen.has(row.camera.code)}
                onPress={() => {
                  setAt(item.index);
                  act(row);
                }}
              />
            );
          })}
        </div>
      </div>
    </div>
  );
}

function TreeRow({
  row,
  id,
  top,
  current,
  chosen,
  onPress,
}: {
  row: Row;
  id: string;
  top: number;
  current: boolean;
  chosen: boolean;
  onPress: () => void;
}) {
  const style = { transform: `translateY(${top}px)`, paddingLeft: `${0.5 + row.depth * 0.75}rem` };
  if (row.kind === "region") {
    return (
      // oxlint-disable-next-line jsx-a11y/click-events-have-key-events -- keys are the tree's
      <div
        id={id}
        class={current ? "row region current" : "row region"}
        role="treeitem"
        aria-expanded={row.open}
        aria-selected={false}
        aria-level={row.depth + 1}
        tabIndex={-1}
        style={style}
        onClick={onPress}
      >
        <Icon name={row.open ? "chevronDown" : "chevronRight"} size={1} />
        <span class="clip grow">{regionName(row.region)}</span>
        <span class="count">
          {row.counts.offline > 0 && <b>{row.counts.offline}</b>}
          {row.counts.total}
        </span>
      </div>
    );
  }
  const { camera } = row;
  const why = camera.state === "offline" ? ` · ${reasonWords(camera.reason)}` : "";
  return (
    // oxlint-disable-next-line jsx-a11y/click-events-have-key-events -- keys are the tree's
    <div
      id={id}
      class={`row ${current ? "current" : ""} ${chosen ? "chosen" : ""}`}
      role="treeitem"
      data-camera={camera.code}
      aria-level={row.depth + 1}
      aria-selected={chosen}
      tabIndex={-1}
      draggable
      title={`${camera.name}\n${camera.code}\n${t(`state.${camera.state}`)}${why}`}
      style={style}
      onClick={onPress}
      onDragStart={(event) => event.dataTransfer?.setData(CAMERA_MIME, camera.code)}
    >
      <StateMark state={camera.state} />
      <span class="clip grow">{camera.name}</span>
    </div>
  );
}

/** A small register is shown open; a large one down to the towns. */
function firstOpen(): ReadonlySet<string> {
  const all = tree.value;
  const codes = [...all.regions.keys()];
  return new Set(cameras.value.size <= 60 ? codes : codes.filter((code) => code.length <= 6));
}
