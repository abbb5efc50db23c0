import "./ui/base.css";
import "./ui/shell.css";
import "./wall/wall.css";
import "./incident/incident.css";
import { signal } from "@preact/signals";
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { api } from "./api/client";
import { command } from "./api/command";
import { whenUnauthorised } from "./api/http";
import { forget, remember, remembered } from "./api/remembered";
import { loaded, loadProblem, start, stop, user } from "./api/store";
import { DiagnosisHost } from "./diagnose/host";
import { language, setLanguage, t } from "./i18n/t";
import { EventDialogHost } from "./incident/event-dialog";
import { reporting } from "./incident/report";
import { install } from "./ui/install";
import { lazyPage } from "./ui/lazy";
import { followLinks, navigate, where } from "./ui/router";
import { PAGES, pagesFor, Shell, setTheme, theme } from "./ui/shell";
import { SignIn } from "./ui/sign-in";
import { Button, Empty, Loading, problemWords, Toasts } from "./ui/widgets";
import { isScreen, ScreenGate, takeSecret } from "./wall/screen-gate";
import { SeatNotice } from "./wall/seat-notice";
import { sending } from "./wall/sending";
import { screenUrl } from "./wall/shared";
import { WallPage } from "./wall/wall-page";

void import("./i18n/later").catch(() => undefined);

const MapPage = lazyPage(() => import("./map/map-page"));
const PlaybackPage = lazyPage(() => import("./playback/playback-page"));
const RecordingsPage = lazyPage(() => import("./recordings/recordings-page"));
const EventsPage = lazyPage(() => import("./incident/events-page"));
const IncidentsPage = lazyPage(() => import("./incident/incidents-page"));
const HealthPage = lazyPage(() => import("./health/health-page"));
const RegisterPage = lazyPage(() => import("./register/register-page"));
const LinksPage = lazyPage(() => import("./links/links-page"));
const AdminPage = lazyPage(() => import("./admin/admin-page"));
const ReportDialog = lazyPage(() => import("./incident/report-dialog"));
const ResponderPage = lazyPage(() => import("./responder/responder-page"));
const GuestPage = lazyPage(() => import("./responder/guest-page"));
const SendSet = lazyPage(() => import("./wall/send-set"));
const WallsPage = lazyPage(() => import("./wall/walls-page"));
const ScreenPage = lazyPage(() => import("./wall/screen-page"));
/** Of a screen in a hall that was given a link, now or some day before. */
const secret = isScreen(location.pathname) ? takeSecret() : null;

type Phase = "asking" | "out" | "ended" | "in";
const phase = signal<Phase>("asking");

whenUnauthorised(() => {
  if (!user.value) return;
  stop();
  phase.value = "ended";
});

/** What opens without a network: the field's page, for who was last signed in here. */
const inField = (): boolean => where.value.path === "/m";

async function ask(): Promise<void> {
  const session = await api.session();
  if (session.ok) {
    phase.value = "in";
    await start(session.value);
    return;
  }
  const last = session.problem.status === 0 && inField() ? remembered() : null;
  if (!last) {
    phase.value = "out";
    return;
  }
  phase.value = "in";
  void start(last);
  // Whether the session still holds is known as soon as the gateway answers.
  addEventListener("online", () => void ask(), { once: true });
}

/** A guest's link: its secret is exchanged for a session, and the address forgets it. */
async function comeIn(): Promise<string | null> {
  const secret = location.hash.slice(1);
  if (secret) {
    const answer = await command.guestSignIn(secret);
    if (!answer.ok) return answer.problem.status === 401 ? t("guest.bad") : problemWords(answer.problem);
    history.replaceState(null, "", "/g");
  }
  const session = await api.session();
  if (!session.ok) return t("guest.bad");
  await start(session.value);
  return null;
}

function GuestGate() {
  const [failed, setFailed] = useState<string | null>(null);
  useEffect(() => void comeIn().then(setFailed), []);
  if (user.value?.role === "guest") return <GuestPage />;
  if (!failed) return <Loading />;
  return (
    <main class="page">
      <h1>{t("guest.title")}</h1>
      <Empty icon="link" title={failed} hint={t("guest.badHint")} />
    </main>
  );
}

function App() {
  useEffect(() => {
    document.addEventListener("click", followLinks);
    if (where.value.path !== "/g" && !secret) void ask();
    install();
    return () => document.removeEventListener("click", followLinks);
  }, []);
  useEffect(() => {
    if (user.value && user.value.role !== "guest") remember(user.value);
    else if (phase.value === "out") forget();
  }, [user.value, phase.value]);
  if (where.value.path === "/g") return <GuestGate />;
  const onScreen = isScreen(where.value.path);
  if (onScreen && secret) return <ScreenGate secret={secret} />;
  const own = user.value?.wall;
  if (own !== undefined) {
    // A screen that goes elsewhere finds nothing there.
    queueMicrotask(() => location.replace(screenUrl(own, 1)));
    return <Loading />;
  }
  // Nor does a guest.
  if (user.value?.role === "guest") return <GuestPage />;
  if (user.value === null) {
    return phase.value === "asking" ? <Loading /> : <SignIn key={phase.value} ended={phase.value === "ended"} />;
  }
  if (onScreen) return <ScreenPage />;
  const directs = user.value.role === "administrator" || user.value.role === "operator";
  return (
    <Shell>
      {directs && <SeatNotice />}
      <Route />
      <EventDialogHost />
      {sending.value && <SendSet />}
      {reporting.value && <ReportDialog />}
      <DiagnosisHost />
    </Shell>
  );
}

function Route() {
  const path = `/${where.value.path.split("/")[1] ?? ""}`;
  const role = user.value?.role ?? "responder";
  if (!loaded.value && path !== "/m") return <Loading />;
  if (loadProblem.value && path !== "/m") {
    return (
      <div class="page">
        <Empty icon="info" title={problemWords(loadProblem.value)} />
        <Button label={t("app.retry")} onClick={() => location.reload()} />
      </div>
    );
  }
  if (path === "/") {
    const first = role === "responder" ? "/m" : (pagesFor(role)[0]?.path ?? "/wall");
    queueMicrotask(() => navigate(first, "replace"));
    return <Loading />;
  }
  const page = PAGES.find((one) => one.path === path);
  if (!page) return <Empty icon="map" title={t("app.notFound")} hint={t("app.notFoundHint")} />;
  if (!page.roles.includes(role)) return <Empty icon="info" title={t("app.noRight")} hint={t("app.notFoundHint")} />;
  document.title = `${t(page.label)} · ${t("app.name")}`;
  switch (path) {
    case "/wall":
      return <WallPage />;
    case "/walls":
      return <WallsPage />;
    case "/map":
      return <MapPage />;
    case "/playback":
      return <PlaybackPage />;
    case "/recordings":
      return <RecordingsPage />;
    case "/events":
      return <EventsPage />;
    case "/incidents":
      return <IncidentsPage />;
    case "/health":
      return <HealthPage />;
    case "/register":
      return <RegisterPage />;
    case "/links":
      return <LinksPage />;
    case "/admin":
      return <AdminPage />;
    default:
      return <ResponderPage />;
  }
}

setLanguage(language.value);
setTheme(theme.value);
const root = document.getElementById("app");
if (root) {
  render(
    <>
      <App />
      <Toasts />
    </>,
    root,
  );
}
