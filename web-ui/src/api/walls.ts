/** Calls about shared walls and kept layouts: docs/reference/api.md. */

import type { SightEvent } from "../domain/event";
import type { CameraCode, IncidentId, RegionCode } from "../domain/ids";
import type { User } from "../domain/user";
import type { Face, NewLayout, Present, SavedLayout, Seat, SharedWall, WallLink } from "../wall/shared";
import type { Layout } from "../wall/url";
import { pathWith, request } from "./http";

const of = (wall: string, part = "") => `/walls/${encodeURIComponent(wall)}${part}`;

export interface NewWall {
  readonly name: string;
  readonly region: RegionCode;
  readonly note?: string;
  readonly revision: number;
  readonly screens: Readonly<Record<number, Face>>;
}

export const wallApi = {
  all: () => request<SharedWall[]>("/walls"),
  one: (wall: string) => request<SharedWall>(of(wall)),
  put: (wall: string, body: NewWall) => request<SharedWall>(of(wall), { method: "PUT", body }),
  rename: (wall: SharedWall, name: string, note: string) =>
    request<SharedWall>(of(wall.id), { method: "PATCH", body: { name, note, revision: wall.revision } }),
  remove: (wall: SharedWall) => request<void>(of(wall.id), { method: "DELETE", query: { revision: wall.revision } }),
  setScreen: (wall: string, screen: number, revision: number, face: Face) =>
    request<SharedWall>(of(wall, `/screens/${screen}`), { method: "PUT", body: { revision, face } }),
  dropScreen: (wall: string, screen: number, revision: number) =>
    request<SharedWall>(of(wall, `/screens/${screen}`), { method: "DELETE", query: { revision } }),
  alarms: (wall: string) => request<SightEvent[]>(of(wall, "/alarms")),
  presence: (wall: string) => request<Present[]>(of(wall, "/presence")),
  beat: (wall: string, screen: number, body: Readonly<Record<string, string | number>>) =>
    request<{ now: string; revision: number }>(of(wall, `/screens/${screen}/presence`), { method: "PUT", body }),
  /** A page that is closed has no time to wait for an answer. */
  leave: (wall: string, screen: number, window: string): void => {
    void fetch(pathWith(of(wall, `/screens/${screen}/presence`)), {
      method: "PUT",
      keepalive: true,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ window, gone: true }),
    }).catch(() => undefined);
  },
  links: (wall: string) => request<WallLink[]>(of(wall, "/links")),
  makeLink: (wall: string, name: string, days: number) =>
    request<WallLink>(of(wall, "/links"), { method: "POST", body: { name, days } }),
  endLink: (wall: string, number: number) => request<void>(of(wall, `/links/${number}`), { method: "DELETE" }),
  signIn: (secret: string) => request<User>("/session/screen", { method: "POST", body: { secret }, signIn: true }),
  layouts: (incident?: IncidentId) => request<SavedLayout[]>("/wall-layouts", { query: { incident } }),
  keep: (layout: NewLayout) => request<SavedLayout>("/wall-layouts", { method: "POST", body: layout }),
  change: (id: number, layout: NewLayout) =>
    request<SavedLayout>(`/wall-layouts/${id}`, { method: "PUT", body: layout }),
  forget: (id: number) => request<void>(`/wall-layouts/${id}`, { method: "DELETE" }),
  seats: () => request<Seat[]>("/seats"),
  send: (user: string, layout: Layout, cameras: readonly CameraCode[], note: string) =>
    request<{ wall: SharedWall; left_out: CameraCode[] }>(`/seats/${encodeURIComponent(user)}`, {
      method: "POST",
      body: { layout, cameras, note },
    }),
};
