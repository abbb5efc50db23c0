/** Left of the register: regions as a virtual tree with counts, groups and tags under it. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { regions } from "../api/store";
import type { Region } from "../domain/region";
import { t } from "../i18n/t";
import { regionName } from "../i18n/words";
import { Icon } from "../ui/icon";
import { useVirtual } from "../ui/rows";
import { Button } from "../ui/widgets";
import type { Find, Group, Tag } from "./types";

export interface RegionRow {
  readonly region: Region;
  readonly depth: number;
  readonly open: boolean;
  readonly leaf: boolean;
}

/** The rows that are seen: every region whose parents are all open. */
export function regionRows(all: readonly Region[], open: ReadonlySet<string>): RegionRow[] {
  const children = new Map<string | null, Region[]>();
  const codes = new Set<string>(all.map((region) => region.code));
  for (const region of all) {
    const parent = region.parent && codes.has(region.parent) ? region.parent : null;
    const list = children.get(parent);
    if (list) list.push(region);
    else children.set(parent, [region]);
  }
  const rows: RegionRow[] = [];
  const walk = (parent: string | null, depth: number): void => {
    for (const region of children.get(parent) ?? []) {
      const isOpen = open.has(region.code);
      rows.push({ region, depth, open: isOpen, leaf: !children.has(region.code) });
      if (isOpen) walk(region.code, depth + 1);
    }
  };
  walk(null, 0);
  return rows;
}

interface Props {
  readonly find: Find;
  readonly groups: readonly Group[];
  readonly tags: readonly Tag[];
  readonly onPick: (what: Partial<Find>) => void;
  readonly onGroup: ((group: Group | null) => void) | null;
}

export function RegionTree({ find, groups, tags, onPick, onGroup }: Props) {
  const [open, setOpen] = useState<ReadonlySet<string>>(
    () => new Set(regions.value.filter((region) => region.code.length <= 6).map((region) => region.code)),
  );
  const rows = useMemo(() => regionRows(regions.value, open), [regions.value, open]);
  const [at, setAt] = useState(0);
  const scroller = useRef<HTMLDivElement>(null);
  const items = useVirtual(scroller, rows.length);
  useEffect(() => items.scrollTo(at), [at]);
  const toggle = (code: string) => {
    const next = new Set(open);
    if (!next.delete(code)) next.add(code);
    setOpen(next);
  };
  const pick = (row: RegionRow | undefined) =>
    row && onPick({ region: find.region === row.region.code ? "" : row.region.code, group: "", tag: "" });
  const key = (event: KeyboardEvent) => {
    const row = rows[at];
    const move = { ArrowDown: 1, ArrowUp: -1, PageDown: 12, PageUp: -12 }[event.key];
    if (move !== undefined) setAt(Math.min(rows.length - 1, Math.max(0, at + move)));
    else if (event.key === "Home") setAt(0);
    else if (event.key === "End") setAt(rows.length - 1);
    else if (event.key === "Enter" || event.key === " ") pick(row);
    else if (event.key === "ArrowRight" && row && !row.leaf && !row.open) toggle(row.region.code);
    else if (event.key === "ArrowLeft" && row?.open) toggle(row.region.code);
    else return;
    event.preventDefault();
  };
  return (
    <div class="reg-tree card">
      <h2>{t("reg.regions")}</h2>
      <div
        class="rows scroll"
        ref={scroller}
        role="tree"
        tabIndex={0}
        aria-label={t("reg.regions")}
        aria-activedescendant={rows[at] ? `reg-row-${at}` : undefined}
        onKeyDown={key}
      >
        <div role="presentation" style={{ height: `${items.total}px`, position: "relative" }}>
          {items.list.map((item) => {
            const row = rows[item.index];
            if (!row) return null;
            const chosen = find.region === row.region.code;
            return (
              // oxlint-disable-next-line jsx-a11y/click-events-have-key-events -- keys are the tree's
              <div
                key={row.region.code}
                id={`reg-row-${item.index}`}
                class={`row region ${item.index === at ? "current" : ""} ${chosen ? "chosen" : ""}`}
                role="treeitem"
                aria-expanded={row.leaf ? undefined : row.open}
                aria-selected={chosen}
                aria-level={row.depth + 1}
                tabIndex={-1}
                data-region={row.region.code}
                title={`${regionName(row.region)} ${row.region.code}`}
                style={{ transform: `translateY(${item.start}px)`, paddingLeft: `${0.25 + row.depth * 0.75}rem` }}
                onClick={() => {
                  setAt(item.index);
                  pick(row);
                }}
              >
                <span
                  class="twist"
                  aria-hidden="true"
                  onClick={(event) => {
                    event.stopPropagation();
                    if (!row.leaf) toggle(row.region.code);
                  }}
                >
                  {!row.leaf && <Icon name={row.open ? "chevronDown" : "chevronRight"} size={1} />}
                </span>
                <span class="clip grow">{regionName(row.region)}</span>
                <span class="count">{row.region.cameras ?? 0}</span>
              </div>
            );
          })}
        </div>
      </div>
      <div class="reg-side-head">
        <h2>{t("reg.groups")}</h2>
        {onGroup && <Button icon="plus" label={t("group.new")} hideLabel onClick={() => onGroup(null)} />}
      </div>
      <ul class="reg-groups">
        {groups.length === 0 && <li class="dim small">{t("group.none")}</li>}
        {groups.map((group) => (
          <li key={group.id}>
            <button
              type="button"
              aria-pressed={find.group === group.id}
              onClick={() => onPick({ group: find.group === group.id ? "" : group.id, region: "", tag: "" })}
            >
              <span class="clip grow">
                {group.name} <span class="dim small">{t(`group.kind.${group.kind}`)}</span>
              </span>
              <span class="count">{group.cameras.length}</span>
            </button>
            {onGroup && (
              <Button icon="pencil" label={`${t("app.edit")} ${group.name}`} hideLabel onClick={() => onGroup(group)} />
            )}
          </li>
        ))}
      </ul>
      {tags.length > 0 && (
        <>
          <h2>{t("reg.tags")}</h2>
          <div class="reg-tags">
            {tags.slice(0, 40).map((one) => (
              <button
                key={one.tag}
                type="button"
                class="tag"
                aria-pressed={find.tag === one.tag}
                onClick={() => onPick({ tag: find.tag === one.tag ? "" : one.tag })}
              >
                {one.tag} <span class="dim">{one.cameras}</span>
              </button>
            ))}
          </div>
        </>
      )}
    </div>
  );
}
