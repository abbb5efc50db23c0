/** The frame of every page: navigation, the live figures of the district, the account. */
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../api/client";
import { cameras, district, openEvents, openIncidents, serverNow, status, stop, streamUp, user } from "../api/store";
import type { Role } from "../domain/user";
import { language, type PlainKey, setLanguage, t } from "../i18n/t";
import { clock, day, rate, regionName } from "../i18n/words";
import { Icon, type IconName } from "./icon";
import { where } from "./router";
import { Button } from "./widgets";

interface Page {
  readonly path: string;
  readonly label: PlainKey;
  readonly icon: IconName;
  readonly roles: readonly Role[];
  /** Stands in the tab bar of a phone; the others are under "more". */
  readonly tab?: boolean;
}
const WATCH: readonly Role[] = ["administrator", "operator", "responder"];
export const PAGES: readonly Page[] = [
  { path: "/wall", label: "nav.wall", icon: "layoutGrid", roles: WATCH, tab: true },
  { path: "/walls", label: "nav.walls", icon: "monitor", roles: ["administrator", "operator"] },
  { path: "/map", label: "nav.map", icon: "map", roles: WATCH, tab: true },
  { path: "/playback", label: "nav.playback", icon: "history", roles: WATCH },
  { path: "/recordings", label: "nav.recordings", icon: "film", roles: ["administrator", "operator", "auditor"] },
  { path: "/events", label: "nav.events", icon: "bell", roles: [...WATCH, "auditor"], tab: true },
  { path: "/incidents", label: "nav.incidents", icon: "siren", roles: [...WATCH, "auditor"], tab: true },
  { path: "/m", label: "nav.responder", icon: "mapPin", roles: WATCH },
  { path: "/register", label: "nav.register", icon: "cctv", roles: ["administrator", "operator", "auditor"] },
  { path: "/health", label: "nav.health", icon: "gauge", roles: ["administrator", "operator", "auditor"] },
  { path: "/links", label: "nav.links", icon: "route", roles: ["administrator", "operator", "auditor"] },
  { path: "/admin", label: "nav.admin", icon: "settings", roles: ["administrator", "auditor"] },
];
export const pagesFor = (role: Role): readonly Page[] => PAGES.filter((page) => page.roles.includes(role));

const THEME = "sightline.theme";
export const theme = signal<"dark" | "light">(readTheme());
function readTheme(): "dark" | "light" {
  try {
    return localStorage.getItem(THEME) === "light" ? "light" : "dark";
  } catch {
    return "dark";
  }
}
export function setTheme(to: "dark" | "light"): void {
  theme.value = to;
  document.documentElement.dataset.theme = to;
  try {
    localStorage.setItem(THEME, to);
  } catch {
    // Storage may be forbidden; the choice then lasts as long as the page.
  }
}

export function Shell({ children }: { children: ComponentChildren }) {
  const role = user.value?.role ?? "responder";
  const pages = pagesFor(role);
  const here = `/${where.value.path.split("/")[1] ?? ""}`;
  return (
    <div class="shell">
      <a class="skip" href="#content">
        {t("app.skip")}
      </a>
      <TopBar />
      <nav class="rail" aria-label={t("nav.label")}>
        {pages.map((page) => (
          <NavLink key={page.path} page={page} here={here} />
        ))}
      </nav>
      <main id="content" tabIndex={-1}>
        {!streamUp.value && (
          <div class="notice warn" role="status">
            <Icon name="info" />
            {t("app.streamLost")}
          </div>
        )}
        {children}
      </main>
      <nav class="tabs" aria-label={t("nav.label")}>
        {pages
          .filter((page) => page.tab)
          .map((page) => (
            <NavLink key={page.path} page={page} here={here} />
          ))}
        <More pages={pages.filter((page) => !page.tab)} here={here} />
      </nav>
    </div>
  );
}

function NavLink({ page, here }: { page: Page; here: string }) {
  const count =
    page.path === "/events" ? openEvents.value.length : page.path === "/incidents" ? openIncidents.value.length : 0;
  return (
    <a href={page.path} aria-current={here === page.path ? "page" : undefined}>
      <Icon name={page.icon} size={1.5} />
      <span>{t(page.label)}</span>
      {count > 0 && <b class="badge">{count > 99 ? "99+" : count}</b>}
    </a>
  );
}

/** Closes on a press elsewhere, on Escape, and where the page changes under it. */
function useMenu() {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => setOpen(false), [where.value.path]);
  useEffect(() => {
    if (!open) return;
    const press = (event: Event) => {
      if (!box.current?.contains(event.target as Node)) setOpen(false);
    };
    const key = (event: KeyboardEvent) => event.key === "Escape" && setOpen(false);
    addEventListener("pointerdown", press);
    addEventListener("keydown", key);
    return () => {
      removeEventListener("pointerdown", press);
      removeEventListener("keydown", key);
    };
  }, [open]);
  return { open, setOpen, box };
}

function More({ pages, here }: { pages: readonly Page[]; here: string }) {
  const { open, setOpen, box } = useMenu();
  return (
    <div class="more" ref={box}>
      <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
        <Icon name="panelLeft" size={1.5} />
        <span>{t("app.more")}</span>
      </button>
      {open && (
        // oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-static-element-interactions -- closes after a link inside was followed
        <div class="menu" onClick={() => setOpen(false)}>
          {pages.map((page) => (
            <NavLink key={page.path} page={page} here={here} />
          ))}
          <AccountActions />
        </div>
      )}
    </div>
  );
}

function TopBar() {
  const place = district.value;
  const states = { live: 0, offline: 0, total: 0 };
  for (const camera of cameras.value.values()) {
    states.total += 1;
    if (camera.state === "live") states.live += 1;
    if (camera.state === "offline") states.offline += 1;
  }
  const now = status.value;
  return (
    <header class="top">
      <a class="brand" href="/wall">
        <img src="/favicon.svg" alt="" />
        <strong>{t("app.name")}</strong>
        {place && <span>{regionName(place)}</span>}
      </a>
      <dl class="figures">
        <Figure label={t("top.cameras")} value={states.total} />
        <Figure label={t("top.live")} value={states.live} />
        <Figure label={t("top.offline")} value={states.offline} warn={states.offline > 0} />
        {now && <Figure label={t("top.in")} value={rate(now.ingest_bps)} />}
        {now && <Figure label={t("top.out")} value={rate(now.egress_bps)} />}
        <Figure label={t("top.open")} value={openEvents.value.length} warn={openEvents.value.length > 0} />
      </dl>
      <Clock />
      <Account />
    </header>
  );
}

function Figure({ label, value, warn = false }: { label: string; value: string | number; warn?: boolean }) {
  return (
    <div class={warn ? "warn" : ""}>
      <dt>{label}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function Clock() {
  const [now, setNow] = useState(serverNow());
  useEffect(() => {
    const timer = setInterval(() => setNow(serverNow()), 500);
    return () => clearInterval(timer);
  }, []);
  return (
    <div class="clock" title={t("top.clock")}>
      <strong>{clock(now)}</strong>
      <span>{day(now)}</span>
    </div>
  );
}

async function signOut(): Promise<void> {
  await api.signOut();
  stop();
}

function AccountActions() {
  const light = theme.value === "light";
  return (
    <>
      <Button
        icon={light ? "moon" : "sun"}
        label={light ? t("top.themeDark") : t("top.theme")}
        onClick={() => setTheme(light ? "dark" : "light")}
      />
      <Button
        icon="languages"
        label={t("top.language")}
        onClick={() => setLanguage(language.value === "zh" ? "en" : "zh")}
      />
      <Button icon="logOut" label={t("top.signOut")} onClick={() => void signOut()} />
    </>
  );
}

function Account() {
  const { open, setOpen, box } = useMenu();
  const who = user.value;
  if (!who) return null;
  return (
    <div class="account" ref={box}>
      <Button
        icon="languages"
        label={t("top.language")}
        onClick={() => setLanguage(language.value === "zh" ? "en" : "zh")}
      />
      <button
        type="button"
        class="button"
        aria-expanded={open}
        aria-label={`${t("top.user")}: ${who.name || who.user}`}
        onClick={() => setOpen(!open)}
      >
        <Icon name="user" />
        <span>{who.name || who.user}</span>
        <Icon name="chevronDown" size={1} />
      </button>
      {open && (
        <div class="menu">
          <p>
            <strong>{who.user}</strong>
            <span>{t(`role.${who.role}`)}</span>
          </p>
          <AccountActions />
        </div>
      )}
    </div>
  );
}
