import "./command.css";
import { useState } from "preact/hooks";
import { incidents, serverNow, takeIncident, user } from "../api/store";
import type { Incident } from "../domain/command";
import { GRADES } from "../domain/event";
import { incidentId } from "../domain/ids";
import { isOpen } from "../domain/incident";
import { t } from "../i18n/t";
import { shortTime } from "../i18n/words";
import { lazyPage } from "../ui/lazy";
import { GradeMark } from "../ui/marks";
import { navigate, where } from "../ui/router";
import { Button, Choice, Dialog, Empty } from "../ui/widgets";
import { usePhone } from "../wall/phone-wall";
import { IncidentDetail } from "./incident-detail";
import { IncidentForm } from "./incident-form";
import { PlansView } from "./plans-view";
import { StatisticsView } from "./statistics-view";

const ReplayView = lazyPage(() => import("./replay-view"));

type Which = "open" | "all";

export default function IncidentsPage() {
  const search = where.value.search;
  const replay = search.get("replay");
  if (replay) return <ReplayView key={replay} />;
  const view = search.get("view");
  return view === "plans" || view === "statistics" ? <Beside view={view} /> : <Incidents />;
}

/** Plans and figures stand beside the incidents. */
function Beside({ view }: { view: "plans" | "statistics" }) {
  return (
    <div class="incidents-beside">
      <Views at={view} />
      {view === "plans" ? <PlansView /> : <StatisticsView />}
    </div>
  );
}

function Views({ at }: { at: "incidents" | "plans" | "statistics" }) {
  const to = { incidents: "/incidents", plans: "/incidents?view=plans", statistics: "/incidents?view=statistics" };
  return (
    <nav class="views" aria-label={t("incident.title")}>
      {at === "incidents" ? null : <h1 class="hidden-title">{t("incident.title")}</h1>}
      {(["incidents", "plans", "statistics"] as const).map((one) => (
        <a key={one} href={to[one]} aria-current={one === at ? "page" : undefined}>
          {one === "incidents" ? t("incident.title") : one === "plans" ? t("contingency.short") : t("statistics.short")}
        </a>
      ))}
    </nav>
  );
}

/** The graver first, then the newer. */
const order = (a: Incident, b: Incident): number =>
  Number(isOpen(b.state)) - Number(isOpen(a.state)) ||
  (isOpen(a.state) ? GRADES.indexOf(a.grade) - GRADES.indexOf(b.grade) : 0) ||
  b.opened_at.localeCompare(a.opened_at);

function Incidents() {
  const [which, setWhich] = useState<Which>("open");
  const [adding, setAdding] = useState(false);
  const id = where.value.search.get("id");
  const phone = usePhone();
  const list = incidents.value.filter((one) => which === "all" || isOpen(one.state)).sort(order);
  // Beside the list there is room for one; on a phone the list stands alone until one is tapped.
  const chosen = incidents.value.find((one) => one.id === id) ?? (phone ? undefined : list[0]);
  const role = user.value?.role;
  const may = role !== "auditor";
  const handles = role === "administrator" || role === "operator";
  return (
    <div class={chosen ? "incidents has-detail" : "incidents"}>
      <section class="incident-list">
        <Views at="incidents" />
        <header>
          <h1>{t("incident.title")}</h1>
          {handles && <Button icon="plus" label={t("incident.new")} onClick={() => setAdding(true)} />}
          <Choice
            label={t("events.state")}
            value={which}
            options={[
              ["open", t("incident.open")],
              ["all", t("app.all")],
            ]}
            onPick={setWhich}
          />
        </header>
        {list.length === 0 ? (
          <Empty icon="siren" title={t("incident.none")} hint={t("incident.noneHint")} />
        ) : (
          <ul class="scroll">
            {list.map((one) => (
              <Item key={one.id} incident={one} current={one.id === chosen?.id} />
            ))}
          </ul>
        )}
      </section>
      {chosen ? (
        <IncidentDetail key={chosen.id} incident={chosen} may={may} />
      ) : (
        !phone && <Empty icon="siren" title={t("incident.choose")} />
      )}
      {adding && (
        <Dialog title={t("incident.new")} onClose={() => setAdding(false)}>
          <div class="dialog-body">
            <IncidentForm
              title=""
              grade="IV"
              event={null}
              camera={null}
              place={null}
              onCancel={() => setAdding(false)}
              onDone={(incident) => {
                takeIncident(incident);
                setAdding(false);
                navigate(`/incidents?id=${incidentId(incident.id)}`);
              }}
            />
          </div>
        </Dialog>
      )}
    </div>
  );
}

function Item({ incident, current }: { incident: Incident; current: boolean }) {
  const open = incident.tasks.filter((task) => task.progress !== "done" && task.progress !== "withdrawn");
  const now = serverNow();
  const late = open.filter((task) => task.deadline && Date.parse(task.deadline) < now).length;
  const review = open.filter((task) => task.progress === "review").length;
  return (
    <li>
      <a class="incident-item" href={`/incidents?id=${incident.id}`} aria-current={current ? "true" : undefined}>
        <GradeMark grade={incident.grade} />
        <strong class="clip">{incident.title}</strong>
        <span class="state-word">{t(`incident.state.${incident.state}`)}</span>
        <small>
          {incident.number} · {shortTime(incident.opened_at)}
          {open.length > 0 && ` · ${t("task.openN", { n: open.length })}`}
          {review > 0 && ` · ${t("task.reviewN", { n: review })}`}
          {late > 0 && " · "}
          {late > 0 && <b class="late">{t("task.lateN", { n: late })}</b>}
        </small>
      </a>
    </li>
  );
}
