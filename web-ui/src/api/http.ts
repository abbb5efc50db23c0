/** Requests to the gateway. A result is a union: the caller must look before it uses. */
import type { Words } from "../i18n/said";

export interface Problem {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  /** What exactly, as a code with values. */
  readonly said?: Words | undefined;
  /** The field that is wrong. */
  readonly field?: string | undefined;
  /** Seconds, from `Retry-After`. */
  readonly retryAfter: number | null;
  /** The whole answer, for those who know what else is in it. */
  readonly more?: unknown;
}
export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: Problem };

type Listener = () => void;
let onUnauthorised: Listener = () => undefined;
/** Called once a request finds that the session has ended. */
export function whenUnauthorised(listener: Listener): void {
  onUnauthorised = listener;
}

/** An answer that has not begun by then is none: the page says so instead of turning for ever. */
const TIMEOUT_MS = 20_000;

export type Query = Record<string, string | number | boolean | null | undefined>;

export function pathWith(path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") search.set(key, String(value));
  }
  const text = search.toString();
  return `/api/v1${path}${text ? `?${text}` : ""}`;
}

export interface Options {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly query?: Query;
  readonly body?: unknown;
  /** A file as the body itself. */
  readonly raw?: Blob;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** A 401 here is an answer (wrong password), not the end of a session. */
  readonly signIn?: boolean;
}

export async function request<T>(path: string, options: Options = {}): Promise<Result<T>> {
  let response: Response;
  // AbortSignal.timeout came after chrome100.
  const abort = new AbortController();
  const stop = () => abort.abort();
  options.signal?.addEventListener("abort", stop);
  const timer = setTimeout(stop, options.timeoutMs ?? TIMEOUT_MS);
  try {
    response = await fetch(pathWith(path, options.query), {
      method: options.method ?? "GET",
      credentials: "same-origin",
      ...(options.body === undefined
        ? {}
        : { headers: { "content-type": "application/json" }, body: JSON.stringify(options.body) }),
      ...(options.raw ? { headers: { "content-type": options.raw.type }, body: options.raw } : {}),
      signal: abort.signal,
    });
  } catch (error) {
    return { ok: false, problem: problem(0, "unreachable", String(error)) };
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", stop);
  }
  if (!response.ok) {
    if (response.status === 401 && !options.signIn) onUnauthorised();
    return { ok: false, problem: await readProblem(response) };
  }
  if (response.status === 204) return { ok: true, value: undefined as T };
  try {
    return { ok: true, value: (await response.json()) as T };
  } catch (error) {
    return { ok: false, problem: problem(response.status, "bad-answer", String(error)) };
  }
}

async function readProblem(response: Response): Promise<Problem> {
  const wait = Number(response.headers.get("retry-after"));
  const retryAfter = Number.isFinite(wait) && wait > 0 ? wait : null;
  try {
    const json = (await response.json()) as Partial<Record<"code" | "title" | "detail" | "field", string>> & {
      said?: Words;
    };
    return {
      status: response.status,
      code: json.code ?? "unknown",
      title: json.title ?? response.statusText,
      detail: json.detail ?? "",
      said: json.said,
      field: json.field,
      retryAfter,
      more: json,
    };
  } catch {
    return { ...problem(response.status, "unknown", response.statusText), retryAfter };
  }
}

const problem = (status: number, code: string, detail: string): Problem => ({
  status,
  code,
  title: detail,
  detail,
  retryAfter: null,
});
