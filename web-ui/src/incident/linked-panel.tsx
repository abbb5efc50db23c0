/** What an incident has beside its log: cameras, live or at the moment, the wall, and packages of evidence. */
import { useEffect, useState } from "preact/hooks";
import { snapshotUrl } from "../api/client";
import { command } from "../api/command";
import { cameras, serverNow } from "../api/store";
import type { Incident } from "../domain/command";
import type { EvidenceJob } from "../domain/evidence";
import type { CameraCode } from "../domain/ids";
import { isOpen } from "../domain/incident";
import { t } from "../i18n/t";
import { shortTime } from "../i18n/words";
import { CameraTree } from "../ui/camera-tree";
import { Icon } from "../ui/icon";
import { lazyPage } from "../ui/lazy";
import { navigate } from "../ui/router";
import { Button, Dialog, Empty, Field, toast, toastProblem } from "../ui/widgets";
import { LayoutsDialog } from "../wall/layouts-dialog";
import { LiveTile } from "../wall/live-tile";
import { sending } from "../wall/sending";
import { layoutFor, savedUrl } from "../wall/url";
import { settle } from "./settle";
import { shownIncident } from "./shown";

const IncidentMapPanel = lazyPage(() => import("./incident-map-panel"));
/** More at once is no help to who looks at them here, and the wall is one press away. */
const LIVE = 2;
const LOOK_MS = 5000;

export const wallUrl = (tiles: number, codes: readonly CameraCode[]): string =>
  `/wall?l=${tiles}&c=${codes.slice(0, tiles).join(",")}`;
const tilesFor = (count: number): number => [1, 4, 9, 16, 25].find((tiles) => tiles >= count) ?? 25;

export function LinkedPanel({ incident, handles, may }: { incident: Incident; handles: boolean; may: boolean }) {
  const [linking, setLinking] = useState(false);
  const [map, setMap] = useState(false);
  const [layouts, setLayouts] = useState(false);
  useEffect(() => {
    shownIncident.value = incident.id;
  }, [incident.id]);
  const [live, setLive] = useState<readonly CameraCode[]>(() => incident.cameras.slice(0, LIVE));
  const codes = incident.cameras;
  const wall = incident.wall;
  const shown = wall && wall.cameras.length > 0 ? wall.cameras : codes;
  const toggle = (code: CameraCode) =>
    setLive((now) => (now.includes(code) ? now.filter((one) => one !== code) : [...now, code].slice(-4)));
  return (
    <section class="card linked-card">
      <header>
        <h3>{t("incident.cameras")}</h3>
        <div class="actions">
          <Button icon="map" label={t("nav.map")} hideLabel aria-pressed={map} onClick={() => setMap(!map)} />
          {may && shown.length > 0 && (
            <Button
              icon="layoutGrid"
              label={t("incident.toWall")}
              hideLabel
              onClick={() => navigate(wallUrl(wall?.tiles ?? tilesFor(shown.length), shown))}
            />
          )}
          {handles && may && shown.length > 0 && (
            <Button
              icon="send"
              label={t("send.button")}
              hideLabel
              onClick={() => {
                sending.value = shown;
              }}
            />
          )}
          {may && <Button icon="save" label={t("layouts.title")} hideLabel onClick={() => setLayouts(true)} />}
          {handles && isOpen(incident.state) && (
            <Button icon="plus" label={t("incident.link")} hideLabel onClick={() => setLinking(true)} />
          )}
        </div>
      </header>
      {layouts && (
        <LayoutsDialog
          current={
            shown.length === 0
              ? null
              : {
                  layout: layoutFor(wall?.tiles ?? shown.length),
                  cells: shown.slice(0, 25).map((camera) => ({ camera, profile: "auto" })),
                  alarm: null,
                }
          }
          incident={incident.id}
          onClose={() => setLayouts(false)}
          onOpen={(saved) => navigate(savedUrl(saved))}
        />
      )}
      {map && (
        <div class="linked-map">
          <IncidentMapPanel />
        </div>
      )}
      <div class="linked scroll">
        {codes.length === 0 && (
          <Empty icon="cctv" title={t("incident.noCameras")} hint={handles ? t("incident.linkHint") : undefined} />
        )}
        {codes.map((code) => {
          const plays = may && isOpen(incident.state) && live.includes(code);
          return (
            <div key={code} class="linked-camera">
              <div class="picture-box">
                {plays ? (
                  <LiveTile code={code} priority="incident" />
                ) : (
                  <MomentStill code={code} at={may ? incident.opened_at : null} />
                )}
              </div>
              <div class="actions start">
                {may && isOpen(incident.state) && (
                  <Button
                    icon={plays ? "pause" : "play"}
                    label={plays ? t("incident.still") : t("events.live")}
                    onClick={() => toggle(code)}
                  />
                )}
                {may && (
                  <Button
                    icon="history"
                    label={t("events.moment")}
                    onClick={() =>
                      navigate(
                        `/playback?c=${code}&t=${new Date(Date.parse(incident.opened_at) - 30_000).toISOString()}`,
                      )
                    }
                  />
                )}
                {handles && isOpen(incident.state) && (
                  <Button
                    icon="x"
                    label={t("incident.unlink")}
                    hideLabel
                    onClick={async () => void settle(incident.id, await command.link(incident.id, [], [code]))}
                  />
                )}
              </div>
            </div>
          );
        })}
        {handles && <Evidence incident={incident} />}
      </div>
      {linking && (
        <Dialog title={t("incident.link")} onClose={() => setLinking(false)}>
          <div class="chooser">
            <CameraTree
              chosen={new Set(codes)}
              onPick={async (code) => {
                const has = codes.includes(code);
                const sent = command.link(incident.id, has ? [] : [code], has ? [code] : []);
                await settle(incident.id, await sent);
              }}
            />
          </div>
        </Dialog>
      )}
    </section>
  );
}

/** How it looked when the incident was opened; an auditor sees the camera's name alone. */
function MomentStill({ code, at }: { code: CameraCode; at: string | null }) {
  const [failed, setFailed] = useState(at === null);
  return (
    <div class="live-tile">
      <div class="picture">
        {failed ? (
          <div class="words">
            <Icon name="image" size={1.5} />
            <strong>{at === null ? t("incident.noPicture") : t("events.noMoment")}</strong>
          </div>
        ) : (
          <img src={snapshotUrl(code, { at: at ?? "", width: 640 })} alt="" onError={() => setFailed(true)} />
        )}
      </div>
      <div class="caption">
        <span class="clip grow">{cameras.value.get(code)?.name ?? code}</span>
        {!failed && <span class="time">{shortTime(at)}</span>}
      </div>
    </div>
  );
}

/** Packages that were made for it, and one more. */
function Evidence({ incident }: { incident: Incident }) {
  const [jobs, setJobs] = useState<readonly EvidenceJob[]>([]);
  const [asking, setAsking] = useState(false);
  const read = async () => {
    const found = await command.evidence();
    if (found.ok)
      setJobs(found.value.filter((job) => job.incident === incident.id || job.incident === incident.number));
  };
  useEffect(() => {
    void read();
    const timer = setInterval(() => !document.hidden && void read(), LOOK_MS);
    return () => clearInterval(timer);
  }, [incident.id]);
  return (
    <div class="evidence-list">
      <div class="actions">
        <h4 class="grow">{t("incident.evidence")}</h4>
        {incident.cameras.length > 0 && (
          <Button icon="download" label={t("incident.askEvidence")} onClick={() => setAsking(true)} />
        )}
      </div>
      {jobs.length === 0 && <p class="dim">{t("incident.noEvidence")}</p>}
      <ul>
        {jobs.map((job) => (
          <li key={job.id}>
            <span class="grow">
              {shortTime(job.from)} – {shortTime(job.to)} · {job.cameras.map((one) => one.name).join(", ")}
              {job.package && <code class="clip">{job.package.manifest_sha256}</code>}
              {job.error && <em>{job.error.text}</em>}
            </span>
            {job.package ? (
              <a class="button" href={job.package.url} download={job.package.name}>
                <Icon name="download" />
                <span>{t("incident.fetch")}</span>
              </a>
            ) : (
              <span class="dim">{Math.round(job.progress.share * 100)} %</span>
            )}
          </li>
        ))}
      </ul>
      {asking && (
        <AskEvidence
          incident={incident}
          onClose={() => {
            setAsking(false);
            void read();
          }}
        />
      )}
    </div>
  );
}

function AskEvidence({ incident, onClose }: { incident: Incident; onClose: () => void }) {
  const [reason, setReason] = useState(`${incident.number} ${incident.title}`);
  const end = incident.closed_at ? Date.parse(incident.closed_at) : serverNow();
  // A night is long: what is packed is bounded by what a playback may be.
  const from = Math.max(Date.parse(incident.opened_at) - 60_000, end - 23 * 3_600_000);
  const send = async () => {
    const asked = await command.askEvidence(
      incident.cameras.slice(0, 16),
      new Date(from).toISOString(),
      new Date(end).toISOString(),
      reason.trim(),
      incident.id,
    );
    if (!asked.ok) return toastProblem(asked.problem);
    toast(t("incident.evidenceAsked"));
    onClose();
  };
  return (
    <Dialog title={t("incident.askEvidence")} onClose={onClose}>
      <form
        class="dialog-body"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <p>
          {t("incident.evidenceRange", {
            n: Math.min(16, incident.cameras.length),
            from: shortTime(new Date(from).toISOString()),
            to: shortTime(new Date(end).toISOString()),
          })}
        </p>
        <Field label={t("incident.reason")}>
          <input required maxLength={2000} value={reason} onInput={(event) => setReason(event.currentTarget.value)} />
        </Field>
        <div class="actions">
          <Button label={t("app.cancel")} onClick={onClose} />
          <Button
            type="submit"
            tone="accent"
            icon="check"
            label={t("incident.askEvidence")}
            disabled={!reason.trim()}
          />
        </div>
      </form>
    </Dialog>
  );
}
