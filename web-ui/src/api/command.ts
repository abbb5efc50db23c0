/** Calls about incidents, tasks and plans: docs/reference/api.md. */
import type {
  Attachment,
  Drawing,
  Guest,
  Incident,
  IncidentState,
  ListedTask,
  LogPage,
  Owner,
  Plan,
  Position,
  Statistics,
  Step,
} from "../domain/command";
import type { Grade } from "../domain/event";
import type { EvidenceJob } from "../domain/evidence";
import type { CameraCode, IncidentId } from "../domain/ids";
import type { Place } from "../domain/region";
import { pathWith, type Result, request } from "./http";

export interface Words {
  readonly note: string;
  readonly place?: Place | null;
  readonly said_at?: string | null;
  readonly attachments?: readonly string[];
  readonly key?: string | null;
}
export interface NewTask {
  readonly title: string;
  readonly detail: string;
  readonly owner: string;
  readonly deadline: string | null;
  readonly key: string;
}
export interface Taken extends Words {
  readonly step: Step;
  readonly owner?: string | null;
  readonly revision?: number | null;
}

/** A mark of our own: what is sent twice with the same is taken once. `crypto.randomUUID` wants a secure origin. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

const post = <T>(path: string, body: unknown = undefined) => request<T>(path, { method: "POST", body });
const of = (id: IncidentId, part: string) => `/incidents/${id}/${part}`;

export const command = {
  log: (id: IncidentId, query: { before?: number; after?: number; limit?: number }) =>
    request<LogPage>(of(id, "log"), { query }),
  note: (id: IncidentId, words: Words) => post<Incident>(of(id, "log"), words),
  report: (id: IncidentId, words: Words) => post<Incident>(of(id, "reports"), words),
  transition: (id: IncidentId, from: IncidentState, to: IncidentState, note: string) =>
    post<Incident>(of(id, "transitions"), { to, note, from }),
  grade: (id: IncidentId, grade: Grade, note: string) => post<Incident>(of(id, "grade"), { grade, note }),
  link: (id: IncidentId, add: readonly CameraCode[], remove: readonly CameraCode[]) =>
    post<Incident>(of(id, "cameras"), { add, remove }),
  seen: (id: IncidentId) => post<Incident>(of(id, "seen")),
  give: (id: IncidentId, task: NewTask) => post<Incident>(of(id, "tasks"), task),
  step: (id: IncidentId, task: number, taken: Taken) => post<Incident>(of(id, `tasks/${task}/steps`), taken),
  startPlan: (id: IncidentId, plan: string, owner: string | null, key: string) =>
    post<Incident>(of(id, "plans"), { plan, owner, key }),
  attachments: (id: IncidentId) => request<Attachment[]>(of(id, "attachments")),
  attach: (id: IncidentId, file: Blob) => upload(id, file),
  draw: (id: IncidentId, drawing: Pick<Drawing, "kind" | "points" | "text">, key: string) =>
    post<Incident>(of(id, "drawings"), { ...drawing, key }),
  erase: (id: IncidentId, number: number) => request<Incident>(of(id, `drawings/${number}`), { method: "DELETE" }),
  guests: (id: IncidentId) => request<Guest[]>(of(id, "guests")),
  invite: (id: IncidentId, name: string, hours: number) =>
    post<Guest & { readonly url: string }>(of(id, "guests"), { name, hours }),
  uninvite: (id: IncidentId, guest: number) => request<void>(of(id, `guests/${guest}`), { method: "DELETE" }),
  statistics: (from: string, to: string) => request<Statistics>("/incidents/statistics", { query: { from, to } }),

  tasks: (query: { owner?: string; state?: "open" | "all" }) => request<ListedTask[]>("/tasks", { query }),
  owners: (region: string | null | undefined) => request<Owner[]>("/owners", { query: { region } }),
  plans: () => request<Plan[]>("/contingency-plans"),
  putPlan: (plan: Plan) => request<Plan>(`/contingency-plans/${plan.id}`, { method: "PUT", body: plan }),
  deletePlan: (id: string) => request<void>(`/contingency-plans/${id}`, { method: "DELETE" }),

  positions: () => request<Position[]>("/positions"),
  share: (place: Place, accuracy: number | null, minutes: number) =>
    request<Position>("/positions/me", { method: "PUT", body: { place, accuracy_m: accuracy, minutes } }),
  stopSharing: () => request<void>("/positions/me", { method: "DELETE" }),

  evidence: () => request<EvidenceJob[]>("/evidence", { query: { limit: 500 } }),
  askEvidence: (cameras: readonly CameraCode[], from: string, to: string, reason: string, incident: IncidentId) =>
    post<EvidenceJob>("/evidence", { cameras, from, to, reason, incident }),

  guestSignIn: (secret: string) =>
    request<{ readonly name: string; readonly incident: IncidentId }>("/session/guest", {
      method: "POST",
      body: { secret },
      signIn: true,
    }),
};

/** The longest photo or voice that the gateway takes, bytes. */
export const MAX_ATTACHMENT = 16 * 1024 * 1024;
/** A photo over a bad line takes its time; without an end a dead line would hold up all that waits behind it. */
const UPLOAD_MS = 300_000;

async function upload(id: IncidentId, file: Blob): Promise<Result<Attachment>> {
  return request<Attachment>(of(id, "attachments"), { method: "POST", raw: file, timeoutMs: UPLOAD_MS });
}

export const attachmentUrl = (incident: IncidentId, id: string): string =>
  pathWith(`/incidents/${incident}/attachments/${id}`);
export const reportUrl = (incident: IncidentId, language: string): string =>
  pathWith(`/incidents/${incident}/report.html`, { language });
