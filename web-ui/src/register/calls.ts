/** One function a call of the register's API. */
import { type Problem, pathWith, type Query, type Result, request } from "../api/http";
import type { Camera } from "../domain/camera";
import type { CameraCode } from "../domain/ids";
import type { Place, Region } from "../domain/region";
import type {
  Bulk,
  BulkOutcome,
  CameraPage,
  DeviceReading,
  ExplainedCode,
  FileRecord,
  Find,
  FoundDevice,
  Group,
  GroupKind,
  ImportOutcome,
  Past,
  StoredRecord,
  Tag,
} from "./types";

export const calls = {
  search: (find: Find, offset: number, limit: number, sort: string, signal?: AbortSignal) =>
    request<CameraPage>("/cameras/search", {
      query: { ...find, offset, limit, sort } as Query,
      ...(signal ? { signal } : {}),
    }),
  record: (code: string) => request<StoredRecord>(`/cameras/${code}/record`),
  put: (code: string, record: Partial<FileRecord>) =>
    request<Camera>(`/cameras/${code}`, { method: "PUT", body: record }),
  add: (record: Partial<FileRecord>) => request<Camera>("/cameras", { method: "POST", body: record }),
  remove: (code: string, revision: number) =>
    request<void>(`/cameras/${code}`, { method: "DELETE", query: { revision } }),
  history: (code: string) => request<Past[]>(`/cameras/${code}/history`),
  restore: (code: CameraCode | string, revision: number, expect: number) =>
    request<Camera>(`/cameras/${code}/restore`, { method: "POST", body: { revision, expect } }),
  bulk: (bulk: Bulk) => request<BulkOutcome>("/cameras/bulk", { method: "POST", body: bulk }),

  putRegion: (code: string, region: { name: string; name_en: string; place: Place | null; revision?: number }) =>
    request<Region>(`/regions/${code}`, { method: "PUT", body: region }),
  moveRegion: (code: string, to: string, revision: number) =>
    request<Region>(`/regions/${code}/move`, { method: "POST", body: { to, revision } }),
  removeRegion: (code: string) => request<void>(`/regions/${code}`, { method: "DELETE" }),
  regionHistory: (code: string) => request<Past[]>(`/regions/${code}/history`),

  groups: () => request<Group[]>("/groups"),
  putGroup: (id: string, group: { name: string; kind: GroupKind; note: string; cameras: readonly string[] }) =>
    request<Group>(`/groups/${encodeURIComponent(id)}`, { method: "PUT", body: group }),
  removeGroup: (id: string) => request<void>(`/groups/${encodeURIComponent(id)}`, { method: "DELETE" }),
  tags: () => request<Tag[]>("/tags"),

  explain: (code: string) => request<ExplainedCode>(`/camera-codes/${encodeURIComponent(code)}`),
  nextCode: (parts: { centre: string; industry: string; type: string; network: string }) =>
    request<{ code: string }>("/camera-codes/next", { query: parts }),

  discover: (addresses: readonly string[]) =>
    request<FoundDevice[]>("/onvif/discover", { method: "POST", body: { timeout_ms: 3000, addresses } }),
  readDevice: (asked: { address: string; user: string; password: string; camera?: string }) =>
    request<DeviceReading>("/onvif/read", { method: "POST", body: asked }),

  /** A file as it is: what it would change, or with `commit` what it has. A refused commit still tells its faults. */
  async sheet(file: Blob, map: string, commit: boolean): Promise<Result<ImportOutcome>> {
    let answer: Response;
    try {
      answer = await fetch(pathWith("/cameras/import", { commit: commit ? 1 : 0, map }), {
        method: "POST",
        credentials: "same-origin",
        headers: { "content-type": "application/octet-stream" },
        body: file,
      });
    } catch (error) {
      const detail = String(error);
      return { ok: false, problem: { status: 0, code: "unreachable", title: detail, detail, retryAfter: null } };
    }
    const said = (await answer.json().catch(() => ({}))) as ImportOutcome &
      Partial<Pick<Problem, "detail" | "code" | "said" | "field">>;
    if (said.faults) return { ok: true, value: said };
    const detail = said.detail ?? answer.statusText;
    return {
      ok: false,
      problem: {
        status: answer.status,
        code: said.code ?? "unknown",
        title: detail,
        detail,
        said: said.said,
        // The body is the file: no field of a form.
        retryAfter: null,
      },
    };
  },
};

export const exportUrl = (what: "export" | "filing", language: string, region: string): string =>
  pathWith(`/cameras/${what}.csv`, { language, region });
