/**
 * Lets a screen of a hall in: by the session that is there, or by the link that it was given once. A link's secret stays in this
 * browser, so that the screen is back by itself after a power cut or a restart of the gateway.
 */
import { useEffect, useState } from "preact/hooks";
import { api } from "../api/client";
import { start, stop, user } from "../api/store";
import { wallApi } from "../api/walls";
import { t } from "../i18n/t";
import { lazyPage } from "../ui/lazy";
import { where } from "../ui/router";
import { Empty, Loading } from "../ui/widgets";

const ScreenPage = lazyPage(() => import("./screen-page"));

const AGAIN_MS = [1000, 2000, 4000, 8000, 15_000] as const;
const key = (wall: string) => `sightline.screen.${wall}`;

export const isScreen = (path: string): boolean => /^\/wall\/[^/]+$/.test(path);
const wallOf = (path: string): string => decodeURIComponent(path.split("/")[2] ?? "");

/** The secret of the address, which then forgets it; else what this browser was given before. */
export function takeSecret(): string | null {
  const given = location.hash.slice(1);
  const wall = wallOf(location.pathname);
  try {
    if (given) {
      localStorage.setItem(key(wall), given);
      history.replaceState(null, "", location.pathname + location.search);
    }
    return given || localStorage.getItem(key(wall));
  } catch {
    // Storage may be forbidden: the address keeps it then.
    return given || null;
  }
}

function forgetSecret(): void {
  try {
    localStorage.removeItem(key(wallOf(location.pathname)));
  } catch {
    // Nothing was kept.
  }
}

type Coming =
  | { readonly kind: "trying" }
  | { readonly kind: "away"; readonly since: number }
  | { readonly kind: "bad" };

export function ScreenGate({ secret }: { secret: string }) {
  const [coming, setComing] = useState<Coming>({ kind: "trying" });
  const wall = wallOf(where.value.path);
  const mine = user.value?.wall === wall || (user.value && user.value.role !== "guest");
  useEffect(() => {
    if (mine || coming.kind === "bad") return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let gone = false;
    let tries = 0;
    const come = async () => {
      // Somebody who is signed in here needs no link.
      const session = await api.session();
      const there = session.ok && (session.value.role !== "guest" || session.value.wall === wall);
      const answer = there ? session : await wallApi.signIn(secret);
      if (gone) return;
      if (answer.ok) {
        stop();
        await start(answer.value);
        setComing({ kind: "trying" });
        return;
      }
      if (answer.problem.status === 401) {
        forgetSecret();
        setComing({ kind: "bad" });
        return;
      }
      setComing((now) => (now.kind === "away" ? now : { kind: "away", since: Date.now() }));
      timer = setTimeout(() => void come(), AGAIN_MS[Math.min(tries, AGAIN_MS.length - 1)]);
      tries += 1;
    };
    void come();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [mine, coming.kind === "bad"]);
  if (mine) return <ScreenPage />;
  if (coming.kind === "trying") return <Loading />;
  return (
    <main class="page">
      <h1>{wall}</h1>
      {coming.kind === "bad" ? (
        <Empty icon="link" title={t("screen.badLink")} hint={t("screen.badLinkHint")} />
      ) : (
        <Empty icon="refresh" title={t("screen.away")} hint={t("screen.awayHint")} />
      )}
    </main>
  );
}
