/** What people report: from any tile, from the field, from the list of events. */
import { signal } from "@preact/signals";
import { type Problem, type Result, request } from "../api/http";
import type { Grade, SightEvent } from "../domain/event";
import type { CameraCode } from "../domain/ids";
import type { Place } from "../domain/region";

/** What is being reported on; open while it is not null. */
export const reporting = signal<{ readonly camera: CameraCode | null } | null>(null);

export const MAX_PHOTO = 16 * 1024 * 1024;

export interface Report {
  text: string;
  grade: Grade;
  camera: CameraCode | null;
  place: Place | null;
  /** The same however often it is sent: what is sent twice is one event. */
  key: string;
}

export const sendReport = (report: Report): Promise<Result<SightEvent>> =>
  request<SightEvent>("/events", { method: "POST", body: report });

/** The photo itself is the body. */
export async function sendPhoto(id: string, photo: Blob): Promise<Problem | null> {
  try {
    const response = await fetch(`/api/v1/events/${id}/photo`, {
      method: "PUT",
      credentials: "same-origin",
      headers: { "content-type": photo.type || "application/octet-stream" },
      body: photo,
    });
    if (response.ok) return null;
    const json = (await response.json()) as { title?: string; detail?: string; code?: string };
    return {
      status: response.status,
      code: json.code ?? "unknown",
      title: json.title ?? "",
      detail: json.detail ?? "",
      retryAfter: null,
    };
  } catch (error) {
    return { status: 0, code: "unreachable", title: "", detail: String(error), retryAfter: null };
  }
}

/** `crypto.randomUUID` is withheld on a plain-HTTP origin. */
export const newKey = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
