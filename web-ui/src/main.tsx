import "./ui/base.css";
import "./ui/shell.css";
import "./wall/wall.css";
import "./incident/incident.css";
import { signal } from "@preact/signals";
import { render } from "preact";
import { useEffect } from "preact/hooks";
import { api } from "./api/client";
import { whenUnauthorised } from "./api/http";
import { loaded, loadProblem, start, stop, user } from "./api/store";
import { language, setLanguage, t } from "./i18n/t";
import { EventDialogHost } from "./incident/event-dialog";
import { lazyPage } from "./ui/lazy";
import { followLinks, navigate, where } from "./ui/router";
import { PAGES, pagesFor, Shell, setTheme, theme } from "./ui/shell";
import { SignIn } from "./ui/sign-in";
import { Button, Empty, Loading, problemWords, Toasts } from "./ui/widgets";
import { WallPage } from "./wall/wall-page";

const MapPage = lazyPage(() => import("./map/map-page"));
const PlaybackPage = lazyPage(() => import("./playback/playback-page"));
const RecordingsPage = lazyPage(() => import("./recordings/recordings-page"));
const EventsPage = lazyPage(() => import("./incident/events-page"));
const IncidentsPage = lazyPage(() => import("./incident/incidents-page"));
const HealthPage = lazyPage(() => import("./health/health-page"));
const AdminPage = lazyPage(() => import("./admin/admin-page"));
const ResponderPage = lazyPage(() => import("./responder/responder-page"));

type Phase = "asking" | "out" | "ended" | "in";
const phase = signal<Phase>("asking");

whenUnauthorised(() => {
  if (!user.value) return;
  stop();
  phase.value = "ended";
});

async function ask(): Promise<void> {
  const session = await api.session();
  if (session.ok) {
    phase.value = "in";
    await start(session.value);
  } else phase.value = "out";
}

function App() {
  useEffect(() => {
    document.addEventListener("click", followLinks);
    void ask();
    return () => document.removeEventListener("click", followLinks);
  }, []);
  if (user.value === null) {
    return phase.value === "asking" ? <Loading /> : <SignIn key={phase.value} ended={phase.value === "ended"} />;
  }
  return (
    <Shell>
      <Route />
      <EventDialogHost />
    </Shell>
  );
}

function Route() {
  const path = `/${where.value.path.split("/")[1] ?? ""}`;
  const role = user.value?.role ?? "responder";
  if (!loaded.value) return <Loading />;
  if (loadProblem.value) {
    return (
      <div class="page">
        <Empty icon="info" title={problemWords(loadProblem.value)} />
        <Button label={t("app.retry")} onClick={() => location.reload()} />
      </div>
    );
  }
  if (path === "/") {
    queueMicrotask(() => navigate(pagesFor(role)[0]?.path ?? "/wall", "replace"));
    return <Loading />;
  }
  const page = PAGES.find((one) => one.path === path);
  if (!page) return <Empty icon="map" title={t("app.notFound")} hint={t("app.notFoundHint")} />;
  if (!page.roles.includes(role)) return <Empty icon="info" title={t("app.noRight")} hint={t("app.notFoundHint")} />;
  document.title = `${t(page.label)} · ${t("app.name")}`;
  switch (path) {
    case "/wall":
      return <WallPage />;
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
