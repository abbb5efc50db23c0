import { describe, expect, it } from "vitest";
import type { Task } from "../domain/command";
import { incidentId } from "../domain/ids";
import { type Draft, LONGEST_MS, next, outcomeOf, pause, project } from "./outbox-core";

const draft = (key: string, part: Partial<Draft> = {}): Draft => ({
  key,
  user: "chen",
  incident: incidentId("i1"),
  incidentNumber: "1",
  task: 1,
  step: "acknowledge",
  note: "",
  place: null,
  saidAt: "2026-11-23T12:00:00Z",
  files: [],
  state: { kind: "waiting" },
  ...part,
});
const task = { number: 1, progress: "assigned" } as Task;

describe("the outbox", () => {
  it("sends in order, another's not at all, and what was refused does not hold up the rest", () => {
    const drafts = [
      draft("a", { user: "li" }),
      draft("b", { state: { kind: "refused", why: "no" } }),
      draft("c"),
      draft("d"),
    ];
    expect(next(drafts, "chen")?.key).toBe("c");
    expect(next(drafts, "li")?.key).toBe("a");
    expect(next(drafts, "wang")).toBeNull();
  });
  it("what was being sent when the page went is sent again", () => {
    expect(next([draft("a", { state: { kind: "sending" } })], "chen")?.key).toBe("a");
  });
  it("only an answer that will not change is a refusal", () => {
    for (const status of [0, 408, 429, 500, 502, 503, 507]) expect(outcomeOf(status, "").kind).toBe("later");
    expect(outcomeOf(401, "").kind).toBe("signed-out");
    for (const status of [400, 403, 404, 409, 413])
      expect(outcomeOf(status, "w")).toEqual({ kind: "refused", why: "w" });
  });
  it("a task looks as it will when all has come", () => {
    const steps = [draft("a"), draft("b", { step: "begin" }), draft("c", { step: "feed-back", note: "x" })];
    expect(project(task, incidentId("i1"), steps).progress).toBe("fed-back");
    expect(project(task, incidentId("i2"), steps).progress).toBe("assigned");
    const refused = [draft("a", { state: { kind: "refused", why: "" } }), draft("b", { step: "begin" })];
    expect(project(task, incidentId("i1"), refused).progress).toBe("assigned");
  });
  it("waits longer and longer, but not for ever", () => {
    expect([0, 1, 2, 3].map(pause)).toEqual([1000, 2000, 4000, 8000]);
    expect(pause(500)).toBe(LONGEST_MS);
  });
});
