/**
 * What the page knows of the district: one store, filled once, kept true by the stream. Views read its signals.
 * Started at sign-in, stopped at sign-out; nothing of it runs on the sign-in page.
 */
import { computed, signal } from "@preact/signals";
import type { Camera } from "../domain/camera";
import type { Incident, Position } from "../domain/command";
import type { SightEvent } from "../domain/event";
import type { Status } from "../domain/gateway";
import type { CameraCode, RegionCode } from "../domain/ids";
import { monoMillis, parseTime, utcMicros } from "../domain/ids";
import { isOpen } from "../domain/incident";
import type { Region } from "../domain/region";
import { buildTree } from "../domain/tree";
import type { User } from "../domain/user";
import { t } from "../i18n/t";
import { regionName } from "../i18n/words";
import { ServerClock } from "../player/clock";
import { decodable } from "../player/codecs";
import { WebSocketLine } from "../player/line";
import { MAX_DELAY_MS, MediaClient, type Ways } from "../player/media-client";
import { haveWebTransport, type Ticket, WebTransportLine } from "../player/webtransport-line";
import { toast } from "../ui/widgets";
import type { SharedWall } from "../wall/shared";
import { forgetWalls, loadWalls, takePresent, takeWall } from "../wall/walls";
import { api } from "./client";
import { command } from "./command";
import type { Problem } from "./http";
import { Stream } from "./stream";
import { wallApi } from "./walls";

/** Newest events that are kept for the strip and the map. */
const KEPT_EVENTS = 500;
const STATUS_MS = 5000;
/** Camera changes are gathered this long: a link that goes down changes forty at once. */
const GATHER_MS = 150;

export const user = signal<User | null>(null);
export const regions = signal<readonly Region[]>([]);
export const cameras = signal<ReadonlyMap<CameraCode, Camera>>(new Map());
/** Newest first. */
export const events = signal<readonly SightEvent[]>([]);
export const incidents = signal<readonly Incident[]>([]);
/** Who in the field shares where they are, by account. */
export const positions = signal<ReadonlyMap<string, Position>>(new Map());
export const status = signal<Status | null>(null);
export const cpuShare = signal<number | null>(null);
/** The shared wall that was told of last, for whoever waits for one. */
export const wallTold = signal<SharedWall | null>(null);
export const streamUp = signal(true);
export const loaded = signal(false);
export const loadProblem = signal<Problem | null>(null);

export const tree = computed(() => buildTree(regions.value, cameras.value.values()));
export const openEvents = computed(() => events.value.filter((event) => !event.acknowledged));
export const openIncidents = computed(() => incidents.value.filter((incident) => isOpen(incident.state)));
export const district = computed<Region | null>(() => {
  const own = user.value?.region;
  return regions.value.find((region) => region.code === own) ?? regions.value[0] ?? null;
});

export const serverClock = new ServerClock();
/** The gateway's time, UTC milliseconds; the own clock until the first sample. */
export const serverNow = (): number => {
  const us = serverClock.at(monoMillis(performance.now()));
  return us === null ? Date.now() : us / 1000;
};

let media: MediaClient | null = null;
let stream: Stream | null = null;
let poll: ReturnType<typeof setInterval> | undefined;
let gather: ReturnType<typeof setTimeout> | undefined;
const changed = new Map<CameraCode, Camera>();

/** The ways that this page has to the gateway's media. */
export function mediaWays(): Ways {
  const path = `${location.host}/api/v1/media`;
  return {
    websocket: (events) => new WebSocketLine(`${location.protocol === "https:" ? "wss" : "ws"}://${path}`, events),
    webtransport: haveWebTransport()
      ? (events) => new WebTransportLine(`https://${path}`, mediaTicket, MAX_DELAY_MS, events)
      : null,
  };
}

/** The page's one way to the gateway's live media. */
export function mediaClient(): MediaClient {
  if (!media) {
    media = new MediaClient(mediaWays(), serverClock, () => void checkSession());
    // Found out before the first tile is looked at.
    decodable();
  }
  return media;
}

async function mediaTicket(): Promise<Ticket | number> {
  const answer = await api.mediaTicket();
  return answer.ok ? answer.value : answer.problem.status;
}

async function checkSession(): Promise<void> {
  const session = await api.session();
  if (!session.ok && session.problem.status === 401) stop();
}

export async function start(who: User): Promise<void> {
  user.value = who;
  stream = new Stream({
    hello: (now) => sampleNow(now, performance.now()),
    camera: takeCamera,
    event: takeEvent,
    incident: takeIncident,
    position: takePosition,
    notice: (notice) =>
      toast(
        notice.event ? `${notice.name}: ${notice.text}` : t("rules.heldBack", { name: notice.name, n: notice.count }),
        notice.event === null,
      ),
    wall: (message) => {
      takeWall(message);
      if (!("removed" in message)) wallTold.value = message;
    },
    screens: takePresent,
    resync: () => void load(),
    connected: (yes) => {
      streamUp.value = yes;
    },
  });
  poll = setInterval(() => {
    if (!document.hidden && who.role !== "guest") void readStatus();
  }, STATUS_MS);
  await Promise.all([load(), who.role === "guest" ? undefined : readStatus()]);
}

export function stop(): void {
  stream?.close();
  media?.shutdown();
  clearInterval(poll);
  clearTimeout(gather);
  stream = null;
  media = null;
  changed.clear();
  user.value = null;
  loaded.value = false;
  cameras.value = new Map();
  regions.value = [];
  events.value = [];
  incidents.value = [];
  positions.value = new Map();
  forgetWalls();
  status.value = null;
}

export async function load(): Promise<void> {
  if (user.value?.role === "guest") return loadGuest(user.value);
  // Of who has none open it is asked again by the pages that show them.
  if (user.value?.role !== "auditor") void loadWalls();
  const auditor = user.value?.role === "auditor";
  const [inRegions, inCameras, inEvents, inIncidents, inPositions] = await Promise.all([
    api.regions(),
    api.cameras(),
    api.events({ limit: KEPT_EVENTS, state: "all" }),
    api.incidents("all"),
    command.positions(),
  ]);
  if (inRegions.ok) regions.value = inRegions.value;
  if (inCameras.ok) cameras.value = new Map(inCameras.value.map((camera) => [camera.code, camera]));
  if (inEvents.ok)
    events.value = inEvents.value.events.filter((event) => !event.repeats && !event.together).slice(0, KEPT_EVENTS);
  if (inIncidents.ok) incidents.value = inIncidents.value;
  if (inPositions.ok) positions.value = new Map(inPositions.value.map((one) => [one.user, one]));
  const failed = [inRegions, inCameras].find((result) => !result.ok);
  loadProblem.value = failed && !failed.ok && !auditor ? failed.problem : null;
  loaded.value = true;
}

/** A guest has one incident and its cameras. */
async function loadGuest(who: User): Promise<void> {
  if (who.wall) return loadScreen(who.wall);
  const [inCameras, incident] = await Promise.all([api.cameras(), who.incident ? api.incident(who.incident) : null]);
  if (inCameras.ok) cameras.value = new Map(inCameras.value.map((camera) => [camera.code, camera]));
  if (incident?.ok) incidents.value = [incident.value];
  loaded.value = true;
}

/** A screen without an account has its wall, the cameras on it, and alarms where it shows them. */
async function loadScreen(id: string): Promise<void> {
  const [inCameras, inWall, inAlarms] = await Promise.all([api.cameras(), wallApi.one(id), wallApi.alarms(id)]);
  if (inCameras.ok) cameras.value = new Map(inCameras.value.map((camera) => [camera.code, camera]));
  if (inWall.ok) takeWall(inWall.value);
  if (inAlarms.ok) events.value = inAlarms.value.filter((event) => !event.repeats && !event.together);
  loaded.value = true;
}

let lastCpu: { seconds: number; at: number } | null = null;
async function readStatus(): Promise<void> {
  const sent = performance.now();
  const result = await api.status();
  if (!result.ok) return;
  const received = performance.now();
  const now = parseTime(result.value.now);
  if (now !== null) serverClock.sample(utcMicros(now * 1000), monoMillis(sent), monoMillis(received));
  status.value = result.value;
  if (lastCpu && received > lastCpu.at) {
    cpuShare.value = Math.max(0, ((result.value.cpu_seconds - lastCpu.seconds) * 1000) / (received - lastCpu.at));
  }
  lastCpu = { seconds: result.value.cpu_seconds, at: received };
}

function sampleNow(text: string, at: number): void {
  const now = parseTime(text);
  if (now !== null) serverClock.sample(utcMicros(now * 1000), monoMillis(at), monoMillis(at), 200);
}

export function takeCamera(camera: Camera): void {
  changed.set(camera.code, camera);
  gather ??= setTimeout(() => {
    gather = undefined;
    cameras.value = new Map([...cameras.value, ...changed]);
    changed.clear();
  }, GATHER_MS);
}

export function dropCamera(code: CameraCode): void {
  const left = new Map(cameras.value);
  left.delete(code);
  cameras.value = left;
}

export function takeEvent(event: SightEvent): void {
  // Its first one comes again, with its count.
  if (event.repeats) return;
  if (event.together) {
    // It came alone before it was known what it belongs to.
    events.value = events.value.filter((one) => one.id !== event.id);
    return;
  }
  events.value = merge(events.value, event).slice(0, KEPT_EVENTS);
}
export function takeIncident(incident: Incident): void {
  incidents.value = merge(incidents.value, incident);
}
export function takePosition(position: Position): void {
  const next = new Map(positions.value);
  if (position.place) next.set(position.user, position);
  else next.delete(position.user);
  positions.value = next;
}

/** A known one is replaced where it stands, a new one goes to the front. */
export function merge<T extends { readonly id: string }>(list: readonly T[], item: T): readonly T[] {
  const at = list.findIndex((old) => old.id === item.id);
  return at < 0 ? [item, ...list] : list.map((old, i) => (i === at ? item : old));
}

export function regionPath(code: RegionCode | null | undefined): string {
  const names: string[] = [];
  const all = tree.value.regions;
  for (let at = code ? all.get(code) : undefined; at; at = at.parent ? all.get(at.parent) : undefined) {
    names.unshift(regionName(at));
  }
  return names.slice(-2).join(" / ");
}
