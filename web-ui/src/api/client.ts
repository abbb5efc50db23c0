/** One function a call of docs/reference/api.md. */

import type { Camera, CameraRecord, FullCamera, Profile } from "../domain/camera";
import type { Incident } from "../domain/command";
import type { Diagnosis, DiagnosisRound } from "../domain/diagnosis";
import type { Grade, SightEvent } from "../domain/event";
import type { AuditEntry, MapConfig, Status } from "../domain/gateway";
import type { CameraCode, EventId, IncidentId, RegionCode } from "../domain/ids";
import type { CameraLinks, Link, LinkNote, NewLink } from "../domain/link";
import type { RecordingMap, Recordings } from "../domain/recording";
import type { Place, Region } from "../domain/region";
import { type Found, questionOf, type Shape } from "../domain/select";
import type { Role, User } from "../domain/user";
import type { Ticket } from "../player/webtransport-line";
import { pathWith, type Query, type Result, request } from "./http";

export interface EventQuery extends Query {
  from?: string;
  to?: string;
  camera?: string;
  region?: string;
  kind?: string;
  state?: "open" | "all";
  limit?: number;
  before?: string;
}
export interface AuditQuery extends Query {
  from?: string;
  to?: string;
  user?: string;
  action?: string;
  limit?: number;
  before?: string;
}
export interface NewIncident {
  title: string;
  grade: Grade;
  kind: string;
  note: string;
  event: EventId | null;
  camera: CameraCode | null;
  place: Place | null;
}
export interface UserRecord {
  user: string;
  name: string;
  password?: string;
  role: Role;
  region: string;
}

export const api = {
  session: () => request<User>("/session", { signIn: true }),
  signIn: (user: string, password: string) =>
    request<User>("/session", { method: "POST", body: { user, password }, signIn: true }),
  /** Lets one connection of another kind in, once, within half a minute. */
  mediaTicket: () => request<Ticket>("/media/ticket", { method: "POST" }),
  signOut: () => request<void>("/session", { method: "DELETE", signIn: true }),

  regions: () => request<Region[]>("/regions"),
  cameras: () => request<Camera[]>("/cameras"),
  camera: (code: CameraCode) => request<FullCamera>(`/cameras/${code}`),
  /** Cameras for a place. */
  camerasNear: (shape: Shape, signal: AbortSignal) =>
    request<Found[]>("/cameras/near", { query: questionOf(shape), signal }),
  putCamera: (code: CameraCode, record: Partial<CameraRecord>) =>
    request<Camera>(`/cameras/${code}`, { method: "PUT", body: record }),
  deleteCamera: (code: CameraCode) => request<void>(`/cameras/${code}`, { method: "DELETE" }),

  recordings: (code: CameraCode, from: string, to: string, signal?: AbortSignal) =>
    request<Recordings>(`/cameras/${code}/recordings`, { query: { from, to }, ...(signal ? { signal } : {}) }),
  recordingMap: (code: CameraCode, from: string, to: string) =>
    request<RecordingMap>(`/cameras/${code}/recording.json`, { query: { from, to } }),
  links: () => request<Link[]>("/links"),
  linkNotes: (region: string) => request<LinkNote[]>("/links/notes", { query: { region } }),
  putLink: (region: string, link: NewLink) => request<Link>(`/links/${region}`, { method: "PUT", body: link }),
  clearLink: (region: string) => request<void>(`/links/${region}`, { method: "DELETE" }),
  cameraLinks: (code: CameraCode) => request<CameraLinks>(`/cameras/${code}/links`),
  diagnose: (code: CameraCode, profile: Profile) =>
    request<Diagnosis>(`/cameras/${code}/diagnosis`, { method: "POST", query: { profile } }),
  diagnosis: (code: CameraCode) => request<Diagnosis>(`/cameras/${code}/diagnosis`),
  diagnosisRound: () => request<DiagnosisRound>("/diagnosis-round"),

  events: (query: EventQuery) => request<{ events: SightEvent[]; next: string | null }>("/events", { query }),
  event: (id: EventId) => request<SightEvent>(`/events/${id}`),
  acknowledge: (id: EventId, note: string) =>
    request<SightEvent>(`/events/${id}/acknowledge`, { method: "POST", body: { note } }),

  incidents: (state: "open" | "all") => request<Incident[]>("/incidents", { query: { state, limit: 200 } }),
  incident: (id: IncidentId) => request<Incident>(`/incidents/${id}`),
  openIncident: (incident: NewIncident) => request<Incident>("/incidents", { method: "POST", body: incident }),

  users: () => request<User[]>("/users"),
  addUser: (record: UserRecord) => request<User>("/users", { method: "POST", body: record }),
  putUser: (user: string, record: Omit<UserRecord, "user">) =>
    request<User>(`/users/${encodeURIComponent(user)}`, { method: "PUT", body: record }),
  deleteUser: (user: string) => request<void>(`/users/${encodeURIComponent(user)}`, { method: "DELETE" }),
  audit: (query: AuditQuery) => request<{ entries: AuditEntry[]; next: string | null }>("/audit", { query }),

  mapConfig: () => request<MapConfig>("/map/config"),
  status: () => request<Status>("/status"),
};

export const snapshotUrl = (code: CameraCode, query: { at?: string; width?: number } = {}): string =>
  pathWith(`/cameras/${code}/snapshot.jpg`, query);
export const recordingUrl = (code: CameraCode, from: string, to: string, reason?: string): string =>
  pathWith(`/cameras/${code}/recording.mp4`, { from, to, reason });
/** The same for players of others. */
export const hlsUrl = (code: CameraCode, from: string, to: string, reason?: string): string =>
  pathWith(`/cameras/${code}/recording.m3u8`, { from, to, reason });
export const SKETCH_URL = pathWith("/map/sketch.geojson");

export type { RegionCode, Result };
