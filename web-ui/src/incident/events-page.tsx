import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../api/client";
import { cameras, events, regionPath, tree, user } from "../api/store";
import { EVENT_KINDS, type SightEvent } from "../domain/event";
import { t } from "../i18n/t";
import { dayClock, eventWords, gradeWords, regionName } from "../i18n/words";
import { lazyPage } from "../ui/lazy";
import { GradeMark } from "../ui/marks";
import { navigate, where } from "../ui/router";
import { Button, Choice, Empty, Field, Loading, problemWords } from "../ui/widgets";
import { EventCard, openedEvent } from "../wall/alarm-strip";
import { readEvents } from "./read-events";
import { reporting } from "./report";

const RulesView = lazyPage(() => import("../rules/rules-view").then((module) => ({ default: module.RulesView })));

export default function EventsPage() {
  const rules = where.value.search.get("tab") === "rules";
  return (
    <div class="page events-page">
      <div class="page-head">
        <h1>{t("events.title")}</h1>
        <Choice
          label={t("events.tabs")}
          value={rules ? "rules" : "list"}
          options={[
            ["list", t("events.tab.list")],
            ["rules", t("events.tab.rules")],
          ]}
          onPick={(to) => navigate(to === "rules" ? "/events?tab=rules" : "/events")}
        />
        {user.value?.role !== "auditor" && (
          <Button
            icon="siren"
            label={t("report.title")}
            onClick={() => {
              reporting.value = { camera: null };
            }}
          />
        )}
      </div>
      {rules ? <RulesView /> : <EventList />}
    </div>
  );
}

function EventList() {
  const [state, setState] = useState<"open" | "all">("open");
  const [kind, setKind] = useState("");
  const [region, setRegion] = useState("");
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const [list, setList] = useState<readonly SightEvent[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const [error, setError] = useState<string | null>(null);

  const run = useRef(0);
  const read = async (before: string | null) => {
    run.current += 1;
    const mine = run.current;
    const found = await readEvents(
      {
        kind,
        region,
        ...(from ? { from: new Date(from).toISOString() } : {}),
        ...(to ? { to: new Date(to).toISOString() } : {}),
      },
      state === "open",
      before,
      api.events,
    );
    // Another filter was chosen meanwhile: its answer counts.
    if (mine !== run.current) return;
    if (!found.ok) return setError(problemWords(found.problem));
    setError(null);
    setNext(found.value.next);
    setList((old) => (before ? [...(old ?? []), ...found.value.events] : found.value.events));
  };
  // The stream tells when something is new or was acknowledged; the list is read again, filters and all.
  useEffect(() => {
    const wait = setTimeout(() => void read(null), list === null ? 0 : 400);
    return () => clearTimeout(wait);
  }, [state, kind, region, from, to, events.value]);

  return (
    <>
      <div class="filters">
        <div class="field">
          <span>{t("events.state")}</span>
          <Choice
            label={t("events.state")}
            value={state}
            options={[
              ["open", t("events.openOnly")],
              ["all", t("app.all")],
            ]}
            onPick={setState}
          />
        </div>
        <Field label={t("events.kind")}>
          <select value={kind} onChange={(event) => setKind(event.currentTarget.value)}>
            <option value="">{t("app.all")}</option>
            {EVENT_KINDS.map((one) => (
              <option key={one} value={one}>
                {eventWords(one)}
              </option>
            ))}
          </select>
        </Field>
        <Field label={t("events.region")}>
          <select value={region} onChange={(event) => setRegion(event.currentTarget.value)}>
            <option value="">{t("app.all")}</option>
            {[...tree.value.regions.values()]
              .filter((one) => tree.value.counts.has(one.code))
              .map((one) => (
                <option key={one.code} value={one.code}>
                  {"　".repeat(one.level === "village" ? 2 : one.level === "town" ? 1 : 0)}
                  {regionName(one)}
                </option>
              ))}
          </select>
        </Field>
        <Field label={t("events.from")}>
          <input type="datetime-local" value={from} onChange={(event) => setFrom(event.currentTarget.value)} />
        </Field>
        <Field label={t("events.to")}>
          <input type="datetime-local" value={to} onChange={(event) => setTo(event.currentTarget.value)} />
        </Field>
      </div>
      {error && <p class="notice bad">{error}</p>}
      {list === null && !error && <Loading />}
      {list?.length === 0 && <Empty icon="bell" title={t("events.none")} hint={t("events.noneHint")} />}
      {list && list.length > 0 && (
        <div class="card table-scroll" tabIndex={0} role="region" aria-label={t("events.title")}>
          <table>
            <thead>
              <tr>
                <th>{t("events.snapshot")}</th>
                <th>{t("events.kind")}</th>
                <th>{t("incident.grade")}</th>
                <th>{t("camera.name")}</th>
                <th>{t("events.region")}</th>
                <th>{t("admin.at")}</th>
                <th class="number">{t("events.count")}</th>
                <th>{t("events.state")}</th>
              </tr>
            </thead>
            <tbody>
              {list.map((event) => (
                <EventRow key={event.id} event={event} />
              ))}
            </tbody>
          </table>
          <div class="event-list-phone">
            {list.map((event) => (
              <EventCard key={event.id} event={event} />
            ))}
          </div>
        </div>
      )}
      {next && (
        <div class="actions">
          <Button label={t("app.loadMore")} onClick={() => void read(next)} />
        </div>
      )}
    </>
  );
}

function EventRow({ event }: { event: SightEvent }) {
  const camera = event.camera ? cameras.value.get(event.camera) : undefined;
  return (
    <tr data-open={!event.acknowledged}>
      <td>{event.snapshot ? <img src={event.snapshot} alt="" loading="lazy" /> : <span class="dim">—</span>}</td>
      <td>{eventWords(event.kind)}</td>
      <td>
        <GradeMark grade={event.grade} /> <span class="small">{gradeWords(event.grade)}</span>
      </td>
      <td>{event.camera_name ?? camera?.name ?? event.camera ?? "—"}</td>
      <td class="dim">{regionPath(event.region)}</td>
      <td>{dayClock(Date.parse(event.start))}</td>
      <td class="number">{event.count}</td>
      <td>
        {event.acknowledged ? (
          <Button
            label={event.acknowledged.by}
            icon="check"
            title={event.acknowledged.note}
            onClick={() => {
              openedEvent.value = event;
            }}
          />
        ) : (
          <Button
            tone="accent"
            label={t("events.open")}
            onClick={() => {
              openedEvent.value = event;
            }}
          />
        )}
      </td>
    </tr>
  );
}
