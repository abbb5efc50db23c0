import { afterEach, describe, expect, it, vi } from "vitest";
import { cameraCode } from "../domain/ids";
import { api, recordingUrl, snapshotUrl } from "./client";
import { pathWith, whenUnauthorised } from "./http";
import { merge } from "./store";

const code = cameraCode("44140300001320000001");
const answer = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  vi.stubGlobal(
    "fetch",
    vi.fn(async () => new Response(body === undefined ? null : JSON.stringify(body), { status, headers })),
  );
afterEach(() => vi.unstubAllGlobals());

describe("paths", () => {
  it("leave out what is empty and escape what is not", () => {
    expect(pathWith("/events", { kind: "", region: "441403", from: undefined, limit: 5 })).toBe(
      "/api/v1/events?region=441403&limit=5",
    );
    expect(recordingUrl(code, "2026-11-23T12:00:00+08:00", "b", "核查 & 取证")).toContain(
      "from=2026-11-23T12%3A00%3A00%2B08%3A00",
    );
    expect(snapshotUrl(code)).toBe(`/api/v1/cameras/${code}/snapshot.jpg`);
  });
});

describe("answers", () => {
  it("a problem keeps its code, detail and wait", async () => {
    answer(429, { code: "too-many-attempts", title: "Too many", detail: "wait" }, { "retry-after": "30" });
    const result = await api.signIn("a", "b");
    expect(result).toMatchObject({ ok: false, problem: { status: 429, code: "too-many-attempts", retryAfter: 30 } });
  });
  it("a page instead of JSON is a problem, not a throw", async () => {
    vi.stubGlobal("fetch", async () => new Response("<html>", { status: 502 }));
    expect(await api.cameras()).toMatchObject({ ok: false, problem: { status: 502 } });
    vi.stubGlobal("fetch", async () => new Response("<html>", { status: 200 }));
    expect(await api.cameras()).toMatchObject({ ok: false, problem: { code: "bad-answer" } });
  });
  it("no network is a problem", async () => {
    vi.stubGlobal("fetch", async () => {
      throw new TypeError("failed");
    });
    expect(await api.cameras()).toMatchObject({ ok: false, problem: { code: "unreachable" } });
  });
  it("401 ends the session, but not while signing in", async () => {
    const ended = vi.fn();
    whenUnauthorised(ended);
    answer(401, { code: "wrong-credentials" });
    await api.signIn("a", "b");
    expect(ended).not.toHaveBeenCalled();
    await api.cameras();
    expect(ended).toHaveBeenCalledOnce();
  });
  it("204 has no body", async () => {
    answer(204, undefined);
    expect(await api.signOut()).toEqual({ ok: true, value: undefined });
  });
});

it("a known item is replaced where it stands, a new one goes first", () => {
  expect(merge([{ id: "a" }, { id: "b" }], { id: "b", x: 1 } as { id: string })).toEqual([
    { id: "a" },
    { id: "b", x: 1 },
  ]);
  expect(merge([{ id: "a" }], { id: "c" })).toEqual([{ id: "c" }, { id: "a" }]);
});
