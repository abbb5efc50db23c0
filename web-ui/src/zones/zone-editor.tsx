/** Zones drawn over a camera's still: by pointer, by finger, and by keys alone. Every state on the screen could be saved. */
import "./zones.css";
import { useEffect, useRef, useState } from "preact/hooks";
import { withZones } from "../admin/camera-record";
import { api, snapshotUrl } from "../api/client";
import { takeCamera } from "../api/store";
import type { Camera, Zone, ZonePoint } from "../domain/camera";
import { t } from "../i18n/t";
import { Icon } from "../ui/icon";
import { Button, Dialog, Empty, problemWords, toast } from "../ui/widgets";
import {
  addPoint,
  faultOf,
  freshZone,
  LEAST_POINTS,
  MOST_NAME,
  MOST_POINTS,
  MOST_ZONES,
  middle,
  movePoint,
  moveZone,
  removePoint,
  splitSide,
  svgPoints,
  zoneAt,
} from "./geometry";

const STEP = 0.005;
const LONG_STEP = 0.05;
/** Changes that can be taken back. */
const UNDO = 50;
const ARROWS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

interface Drag {
  /** The zone that is held, by its place in the list. */
  readonly zone: number;
  /** The corner that is held; `null` is the whole zone. */
  readonly corner: number | null;
  readonly from: ZonePoint;
  readonly start: Zone;
  readonly before: readonly Zone[];
  moved: boolean;
}

export function ZoneDialog({ camera, onClose }: { camera: Camera; onClose: () => void }) {
  return (
    <Dialog wide title={t("zones.title", { name: camera.name })} onClose={onClose}>
      <ZoneEditor camera={camera} onClose={onClose} />
    </Dialog>
  );
}

export function ZoneEditor({ camera, onClose }: { camera: Camera; onClose: () => void }) {
  const [zones, setZones] = useState<readonly Zone[]>(camera.zones ?? []);
  const [past, setPast] = useState<readonly (readonly Zone[])[]>([]);
  const [chosen, setChosen] = useState((camera.zones?.length ?? 0) > 0 ? 0 : -1);
  const [corner, setCorner] = useState(0);
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [shot, setShot] = useState({ n: 0, there: false, failed: false, aspect: 16 / 9 });
  const stage = useRef<HTMLDivElement>(null);
  const drag = useRef<Drag | null>(null);
  const focusOn = useRef<number | null>(null);
  const zone = zones[chosen];

  // A corner that was made or moved by keys keeps the focus, though it may stand at another place of the list.
  useEffect(() => {
    if (focusOn.current === null) return;
    const button = stage.current?.querySelector<HTMLButtonElement>(`[data-corner="${focusOn.current}"]`);
    // Not there yet: this was the effect of a drawing before the one that makes it.
    if (!button) return;
    focusOn.current = null;
    button.focus();
  });

  const remember = (before: readonly Zone[]) => setPast((old) => [...old.slice(1 - UNDO), before]);
  const put = (next: Zone) => {
    remember(zones);
    setProblem(null);
    setZones((old) => old.map((one, i) => (i === chosen ? next : one)));
  };
  const undo = () => {
    const before = past.at(-1);
    if (!before) return;
    setPast(past.slice(0, -1));
    setZones(before);
    setChosen((now) => Math.min(now, before.length - 1));
  };
  const add = () => {
    remember(zones);
    setZones([...zones, freshZone(zones, (n) => t("zones.fresh", { n }))]);
    setChosen(zones.length);
    setCorner(0);
    focusOn.current = 0;
  };
  const drop = (at: number) => {
    remember(zones);
    setZones(zones.filter((_, i) => i !== at));
    setChosen(Math.min(chosen, zones.length - 2));
    setCorner(0);
  };
  const split = (at: number) => {
    if (!zone || zone.points.length >= MOST_POINTS) return;
    put(splitSide(zone, at));
    setCorner(at + 1);
    focusOn.current = at + 1;
  };
  const take = (at: number) => {
    if (!zone || zone.points.length <= LEAST_POINTS) return;
    put(removePoint(zone, at));
    const next = Math.max(0, at - 1);
    setCorner(next);
    focusOn.current = next;
  };

  const place = (event: PointerEvent | MouseEvent): ZonePoint => {
    const box = stage.current?.getBoundingClientRect();
    return box ? [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height] : [0, 0];
  };
  const press = (event: PointerEvent) => {
    if (event.button !== 0) return;
    const to = place(event);
    const held = (event.target as Element).closest<HTMLElement>("[data-corner]");
    if (!held && (event.target as Element).closest("button")) return;
    const under = held ? chosen : zoneAt(zones, to, chosen);
    setChosen(under);
    if (held) setCorner(Number(held.dataset.corner));
    else if (under !== chosen) setCorner(0);
    const start = zones[under];
    if (!start) return;
    drag.current = {
      zone: under,
      corner: held ? Number(held.dataset.corner) : null,
      from: to,
      start,
      before: zones,
      moved: false,
    };
    (event.currentTarget as Element).setPointerCapture?.(event.pointerId);
  };
  const slide = (event: PointerEvent) => {
    const now = drag.current;
    if (!now) return;
    const to = place(event);
    const next =
      now.corner === null
        ? moveZone(now.start, to[0] - now.from[0], to[1] - now.from[1])
        : movePoint(now.start, now.corner, to);
    now.moved = true;
    setProblem(null);
    setZones((old) => old.map((one, i) => (i === now.zone ? { ...next, name: one.name } : one)));
  };
  const release = () => {
    const now = drag.current;
    drag.current = null;
    if (now?.moved) remember(now.before);
  };
  const key = (event: KeyboardEvent) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
      event.preventDefault();
      undo();
      return;
    }
    const at = Number((event.target as HTMLElement).dataset?.corner ?? Number.NaN);
    const here = zone?.points[at];
    if (!zone || !here || event.ctrlKey || event.metaKey) return;
    const arrow = ARROWS[event.key];
    const by = event.shiftKey ? LONG_STEP : STEP;
    if (arrow && event.altKey) put(moveZone(zone, arrow[0] * by, arrow[1] * by));
    else if (arrow) put(movePoint(zone, at, [here[0] + arrow[0] * by, here[1] + arrow[1] * by]));
    else if (event.key === "Delete" || event.key === "Backspace") take(at);
    else if (event.key === "Insert" || event.key === "+") split(at);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  const faults = zones.map((_, i) => faultOf(zones, i));
  const save = async () => {
    setBusy(true);
    setProblem(null);
    // The record as it is now: a PUT replaces, and someone else may have changed it meanwhile.
    const full = await api.camera(camera.code);
    const saved = full.ok ? await api.putCamera(camera.code, withZones(full.value, zones)) : full;
    setBusy(false);
    if (!saved.ok) return setProblem(problemWords(saved.problem));
    takeCamera(saved.value);
    toast(t("zones.saved"));
    onClose();
  };

  return (
    // oxlint-disable-next-line jsx-a11y/no-static-element-interactions -- keys of the corners inside
    <div class="dialog-body zone-editor" onKeyDown={key}>
      <div class="zone-picture">
        {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- the corners inside are buttons */}
        <div
          class={shot.there ? "zone-stage" : "zone-stage blank"}
          ref={stage}
          style={{ "--aspect": String(shot.aspect) }}
          role="group"
          aria-label={t("zones.picture")}
          onPointerDown={press}
          onPointerMove={slide}
          onPointerUp={release}
          onPointerCancel={release}
          onDblClick={(event) => {
            if (!zone || zone.points.length >= MOST_POINTS || (event.target as Element).closest("button")) return;
            const made = addPoint(zone, place(event));
            put(made.zone);
            setCorner(made.at);
            focusOn.current = made.at;
          }}
        >
          <img
            src={`${snapshotUrl(camera.code, { width: 1280 - (shot.n % 2) * 2 })}`}
            alt={t("zones.still", { name: camera.name })}
            draggable={false}
            onLoad={(event) => {
              const { naturalWidth: wide, naturalHeight: high } = event.currentTarget;
              setShot((old) => ({ ...old, there: true, failed: false, aspect: wide / Math.max(1, high) }));
            }}
            onError={() => setShot((old) => ({ ...old, failed: true }))}
          />
          {shot.failed && !shot.there && (
            <Empty icon="image" title={t("zones.noStill")} hint={t("zones.noStillHint")} />
          )}
          <svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
            {zones.map((one, i) => (
              <polygon
                key={i}
                class={i === chosen ? "chosen" : faults[i] ? "bad" : ""}
                points={svgPoints(one)}
                fill-rule="evenodd"
              />
            ))}
          </svg>
          {zones.map((one, i) => {
            const [x, y] = one.points.reduce(([ax, ay], [bx, by]) => (by < ay ? [bx, by] : [ax, ay]), [0.5, 1.1]);
            return (
              i !== chosen && (
                <span key={i} class="zone-name" style={{ left: `${x * 100}%`, top: `${y * 100}%` }}>
                  {one.name}
                </span>
              )
            );
          })}
          {zone?.points.map((one, i) => {
            const [mx, my] = middle(one, zone.points[(i + 1) % zone.points.length] as ZonePoint);
            return (
              <button
                key={`side-${i}`}
                type="button"
                class="zone-side"
                tabIndex={-1}
                aria-label={t("zones.addAfter", { n: i + 1 })}
                title={t("zones.addAfter", { n: i + 1 })}
                disabled={zone.points.length >= MOST_POINTS}
                style={{ left: `${mx * 100}%`, top: `${my * 100}%` }}
                onClick={() => split(i)}
              />
            );
          })}
          {zone?.points.map(([x, y], i) => (
            <button
              key={`corner-${i}`}
              type="button"
              class={i === corner ? "zone-corner current" : "zone-corner"}
              data-corner={i}
              aria-label={t("zones.corner", {
                n: i + 1,
                of: zone.points.length,
                zone: zone.name,
                x: Math.round(x * 100),
                y: Math.round(y * 100),
              })}
              style={{ left: `${x * 100}%`, top: `${y * 100}%` }}
              onFocus={() => setCorner(i)}
            />
          ))}
        </div>
        <p class="dim small">
          {t("zones.hint")} <span class="zone-keys">{t("zones.keys")}</span>
        </p>
      </div>
      <div class="zone-side-panel">
        <div class="actions start">
          <Button
            icon="plus"
            tone={zones.length === 0 ? "accent" : "plain"}
            label={t("zones.add")}
            disabled={zones.length >= MOST_ZONES}
            onClick={add}
          />
          <Button icon="undo" label={t("zones.undo")} hideLabel disabled={past.length === 0} onClick={undo} />
          <Button
            icon="refresh"
            label={t("zones.newStill")}
            hideLabel
            onClick={() => setShot((old) => ({ ...old, n: old.n + 1 }))}
          />
        </div>
        {zones.length === 0 && <Empty icon="scan" title={t("zones.none")} hint={t("zones.noneHint")} />}
        <ul class="zone-list" aria-label={t("zones.list")}>
          {zones.map((one, i) => (
            <li key={i} class={i === chosen ? "chosen" : ""}>
              <div class="with-button">
                <input
                  value={one.name}
                  maxLength={MOST_NAME}
                  aria-label={t("zones.name", { n: i + 1 })}
                  aria-invalid={faults[i] !== null}
                  onFocus={() => {
                    if (i !== chosen) setCorner(0);
                    setChosen(i);
                  }}
                  onInput={(event) => {
                    const name = event.currentTarget.value;
                    setProblem(null);
                    setZones((old) => old.map((other, n) => (n === i ? { ...other, name } : other)));
                  }}
                />
                <Button icon="trash" label={`${t("zones.remove")}: ${one.name}`} hideLabel onClick={() => drop(i)} />
              </div>
              <small class="dim">{t("zones.corners", { n: one.points.length })}</small>
              {faults[i] && <em role="alert">{t(`zones.fault.${faults[i]}`)}</em>}
            </li>
          ))}
        </ul>
        {zone && (
          <div class="actions start">
            <Button
              icon="plus"
              label={t("zones.addCorner")}
              disabled={zone.points.length >= MOST_POINTS}
              onClick={() => split(Math.min(corner, zone.points.length - 1))}
            />
            <Button
              icon="minus"
              label={t("zones.removeCorner")}
              disabled={zone.points.length <= LEAST_POINTS}
              onClick={() => take(Math.min(corner, zone.points.length - 1))}
            />
          </div>
        )}
        <span class="grow" />
        {problem && (
          <p class="notice bad" role="alert">
            <Icon name="info" />
            {problem}
          </p>
        )}
        <div class="actions">
          <Button label={t("app.cancel")} onClick={onClose} />
          <Button
            class="zone-save"
            tone="accent"
            label={t("app.save")}
            disabled={busy || faults.some((fault) => fault !== null)}
            onClick={() => void save()}
          />
        </div>
      </div>
    </div>
  );
}
