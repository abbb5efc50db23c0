/** Somebody put a set of cameras on this operator's own wall: shown at once where the wall is open, offered everywhere else. */
import { useEffect, useRef, useState } from "preact/hooks";
import { user } from "../api/store";
import { t } from "../i18n/t";
import { Icon } from "../ui/icon";
import { navigate, where } from "../ui/router";
import { Button } from "../ui/widgets";
import { savedUrl } from "./url";
import { walls, wallsLoaded } from "./walls";

const key = (name: string) => `sightline.seat.${name}`;

function readSeen(name: string): number {
  try {
    return Number(localStorage.getItem(key(name)) ?? 0) || 0;
  } catch {
    return 0;
  }
}

export function SeatNotice() {
  const name = user.value?.user ?? "";
  const wall = walls.value.get(`~${name}`);
  const screen = wall?.screens[0];
  const [seen, setSeen] = useState(() => readSeen(name));
  const [before, setBefore] = useState<string | null>(null);
  /** What stood there when this page came: it is offered. What comes later is shown. */
  const first = useRef<number | null>(null);
  if (wallsLoaded.value && first.current === null) first.current = screen?.revision ?? 0;
  const note = (revision: number) => {
    setSeen(revision);
    try {
      localStorage.setItem(key(name), String(revision));
    } catch {
      // It is then offered once more after a reload.
    }
  };
  useEffect(() => {
    if (!screen || first.current === null || screen.by === name) return;
    if (screen.revision <= seen || screen.revision <= first.current || where.value.path !== "/wall") return;
    setBefore(location.pathname + location.search);
    navigate(savedUrl(screen), "replace");
    note(screen.revision);
  }, [screen?.revision]);
  if (!screen || screen.by === name || (screen.revision <= seen && before === null)) return null;
  const count = screen.cells.filter((cell) => cell !== null).length;
  const shown = screen.revision <= seen;
  return (
    <div class="notice seat-notice" role="status">
      <Icon name="monitor" />
      <span class="grow">
        {t("send.came", { by: screen.by, n: count })}
        {wall?.note && ` · ${wall.note}`}
      </span>
      {shown ? (
        <>
          <Button
            icon="undo"
            label={t("send.undo")}
            onClick={() => {
              if (before) navigate(before, "replace");
              setBefore(null);
            }}
          />
          <Button icon="x" label={t("app.close")} hideLabel onClick={() => setBefore(null)} />
        </>
      ) : (
        <>
          <Button
            tone="accent"
            label={t("send.show")}
            onClick={() => {
              note(screen.revision);
              navigate(savedUrl(screen));
            }}
          />
          <Button label={t("send.later")} onClick={() => note(screen.revision)} />
        </>
      )}
    </div>
  );
}
