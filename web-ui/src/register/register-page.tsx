/** 一机一档: the tree on the left, the cameras that were found, one camera's file. Where one is stands in the address. */
import "./register.css";
import { useEffect, useState } from "preact/hooks";
import { api } from "../api/client";
import { load, regions, user } from "../api/store";
import { CAMERA_STATES } from "../domain/camera";
import { language, t } from "../i18n/t";
import { navigate, where } from "../ui/router";
import { Button, toastProblem } from "../ui/widgets";
import { BulkDialog } from "./bulk-dialog";
import { calls, exportUrl } from "./calls";
import { CameraDetail, TABS, type Tab } from "./camera-detail";
import { CameraTable } from "./camera-table";
import { CodeDialog } from "./code-dialog";
import { DeviceDialog } from "./device-dialog";
import type { Draft } from "./draft";
import { GroupDialog } from "./group-dialog";
import { ImportDialog } from "./import-dialog";
import { RegionDialog, type RegionTask } from "./region-dialog";
import { RegionTree } from "./region-tree";
import type { Find, Group, Tag } from "./types";

const TYPING_MS = 200;
const SORTS = ["code", "name", "region"] as const;
type Over =
  | { readonly kind: "import" | "bulk" | "devices" | "codes" }
  | { readonly kind: "group"; readonly group: Group | null }
  | { readonly kind: "region"; readonly task: RegionTask };

/** The address says it all: it can be sent to somebody. */
function read(): { find: Find; sort: string; code: string | null; tab: Tab } {
  const search = where.value.search;
  const text = (name: string) => search.get(name) ?? "";
  const tab = TABS.find((one) => one === text("tab")) ?? "record";
  return {
    find: { q: text("q"), region: text("r"), group: text("g"), tag: text("t"), state: text("s") },
    sort: text("o") || "code",
    code: search.get("c"),
    tab,
  };
}
function go(change: Readonly<Record<string, string | null>>, how: "push" | "replace" = "replace"): void {
  const search = new URLSearchParams(where.value.search);
  for (const [name, value] of Object.entries(change)) {
    if (value === null || (value === "" && name !== "c")) search.delete(name);
    else search.set(name, value);
  }
  const text = search.toString();
  navigate(`/register${text ? `?${text}` : ""}`, how);
}

export default function RegisterPage() {
  const { find, sort, code, tab } = read();
  const may = user.value?.role === "administrator";
  const [groups, setGroups] = useState<readonly Group[]>([]);
  const [tags, setTags] = useState<readonly Tag[]>([]);
  const [turn, setTurn] = useState(0);
  const [total, setTotal] = useState(0);
  const [query, setQuery] = useState(find.q);
  const [selected, setSelected] = useState<ReadonlySet<string> | "all">(new Set());
  const [over, setOver] = useState<Over | null>(null);
  const [seed, setSeed] = useState<Partial<Draft> | undefined>(undefined);
  const [treeOpen, setTreeOpen] = useState(false);
  const close = () => setOver(null);

  /** Something changed: what is shown of the register is read again. */
  const again = async () => {
    const [inGroups, inTags, inRegions] = await Promise.all([calls.groups(), calls.tags(), api.regions()]);
    if (inGroups.ok) setGroups(inGroups.value);
    if (inTags.ok) setTags(inTags.value);
    if (inRegions.ok) regions.value = inRegions.value;
    else toastProblem(inRegions.problem);
    setTurn((n) => n + 1);
  };
  useEffect(() => {
    void again();
  }, []);
  useEffect(() => {
    const wait = setTimeout(() => query !== read().find.q && go({ q: query }), TYPING_MS);
    return () => clearTimeout(wait);
  }, [query]);
  const key = JSON.stringify(find);
  useEffect(() => setSelected(new Set()), [key]);

  const pick = (what: Partial<Find>) => {
    const now = { ...find, ...what };
    go({ r: now.region, g: now.group, t: now.tag, q: query, s: now.state });
    setTreeOpen(false);
  };
  const region = regions.value.find((one) => one.code === find.region) ?? null;
  const count = selected === "all" ? total : selected.size;
  const chosen = { q: find.q, region: find.region || null, group: find.group || null, tag: find.tag || null };
  // A state is of now, and not of the register: what is found by it is changed by its codes.
  const of = selected === "all" ? { search: chosen } : { codes: [...selected] };
  const group = groups.find((one) => one.id === find.group);
  const heading = region
    ? `${language.value === "en" ? region.name_en || region.name : region.name}`
    : (group?.name ?? find.tag);

  return (
    <div class={`page register ${code !== null ? "with-detail" : ""}`}>
      <div class="page-head">
        <Button
          class="reg-tree-button"
          icon="panelLeft"
          label={t("reg.tree")}
          hideLabel
          aria-expanded={treeOpen}
          onClick={() => setTreeOpen(!treeOpen)}
        />
        <h1>
          {t("reg.title")}
          {heading && <span class="dim"> · {heading}</span>}
        </h1>
        {may && (
          <div class="actions">
            <Button
              icon="plus"
              tone="accent"
              label={t("reg.add")}
              onClick={() => {
                setSeed(undefined);
                go({ c: "", tab: null }, "push");
              }}
            />
            <Button icon="download" class="flip" label={t("reg.import")} onClick={() => setOver({ kind: "import" })} />
            <Button icon="radio" label={t("reg.discover")} onClick={() => setOver({ kind: "devices" })} />
          </div>
        )}
        <Button icon="scan" label={t("reg.codes")} onClick={() => setOver({ kind: "codes" })} />
        <details class="reg-menu">
          <summary class="button">{t("reg.export")}</summary>
          <div class="menu">
            <a href={exportUrl("export", language.value, find.region)} download="cameras.csv">
              {t("reg.exportAll")}
            </a>
            <a href={exportUrl("filing", language.value, find.region)} download="filing.csv">
              {t("reg.exportFiling")}
            </a>
          </div>
        </details>
      </div>
      <div class={`reg-grid ${treeOpen ? "tree-open" : ""}`}>
        <RegionTree
          find={find}
          groups={groups}
          tags={tags}
          onPick={pick}
          onGroup={may ? (one) => setOver({ kind: "group", group: one }) : null}
        />
        <div class="reg-middle">
          <div class="filters">
            <input
              class="find"
              type="search"
              value={query}
              placeholder={t("reg.search")}
              aria-label={t("reg.search")}
              onInput={(event) => setQuery(event.currentTarget.value)}
            />
            <select
              aria-label={t("camera.state")}
              value={find.state}
              onChange={(event) => pick({ state: event.currentTarget.value })}
            >
              <option value="">{t("reg.anyState")}</option>
              {CAMERA_STATES.map((state) => (
                <option key={state} value={state}>
                  {t(`state.${state}`)}
                </option>
              ))}
            </select>
            <select aria-label={t("reg.sort")} value={sort} onChange={(event) => go({ o: event.currentTarget.value })}>
              {SORTS.map((one) => (
                <option key={one} value={one}>
                  {t(`reg.sort.${one}`)}
                </option>
              ))}
            </select>
            <span class="dim reg-total" role="status">
              {t("reg.found", { n: total })}
            </span>
          </div>
          {may && region && (
            <div class="actions start reg-region" role="group" aria-label={t("region.actions")}>
              {(["add", "rename", "move", "history", "remove"] as const).map((task) => (
                <Button key={task} label={t(`region.${task}`)} onClick={() => setOver({ kind: "region", task })} />
              ))}
            </div>
          )}
          {may && count > 0 && (
            <div class="reg-selection" role="status">
              <strong>{t("reg.selected", { n: count })}</strong>
              {selected !== "all" && count < total && !find.state && (
                <Button label={t("reg.selectFound", { n: total })} onClick={() => setSelected("all")} />
              )}
              <Button icon="pencil" label={t("reg.bulk")} onClick={() => setOver({ kind: "bulk" })} />
              {selected !== "all" && (
                <Button icon="plus" label={t("reg.toGroup")} onClick={() => setOver({ kind: "group", group: null })} />
              )}
              <Button icon="x" label={t("reg.clear")} onClick={() => setSelected(new Set())} />
            </div>
          )}
          <div class="card reg-list">
            <CameraTable
              find={find}
              sort={sort}
              turn={turn}
              chosen={code ?? ""}
              selected={selected}
              onOpen={(one) => go({ c: one }, code === null ? "push" : "replace")}
              onSelect={
                may
                  ? (one, on) => {
                      const next = new Set(selected === "all" ? [] : selected);
                      if (on) next.add(one);
                      else next.delete(one);
                      setSelected(next);
                    }
                  : null
              }
              onTotal={setTotal}
            />
          </div>
        </div>
        {code !== null && (
          <CameraDetail
            key={code}
            code={code}
            seed={seed}
            tab={tab}
            region={find.region || (user.value?.region ?? "")}
            onTab={(one) => go({ tab: one })}
            onClose={() => go({ c: null, tab: null })}
            onSaved={(saved) => {
              if (code === "") go({ c: saved });
              void again();
            }}
          />
        )}
      </div>
      {over?.kind === "import" && <ImportDialog onClose={close} onDone={() => void Promise.all([load(), again()])} />}
      {over?.kind === "bulk" && (
        <BulkDialog count={count} of={of} onClose={close} onDone={() => void Promise.all([load(), again()])} />
      )}
      {over?.kind === "devices" && (
        <DeviceDialog
          onClose={close}
          onAdd={(from) => {
            close();
            setSeed(from);
            go({ c: "", tab: "streams" }, "push");
          }}
        />
      )}
      {over?.kind === "codes" && (
        <CodeDialog
          onClose={close}
          onUse={
            may
              ? (one) => {
                  close();
                  setSeed({ code: one });
                  go({ c: "", tab: null }, "push");
                }
              : null
          }
        />
      )}
      {over?.kind === "group" && (
        <GroupDialog
          group={over.group}
          groups={groups}
          selected={selected === "all" ? [] : [...selected]}
          onClose={close}
          onDone={() => {
            close();
            void again();
          }}
        />
      )}
      {over?.kind === "region" && region && (
        <RegionDialog
          task={over.task}
          region={region}
          onClose={close}
          onDone={(now) => {
            close();
            go({ r: now });
            void Promise.all([load(), again()]);
          }}
        />
      )}
    </div>
  );
}
