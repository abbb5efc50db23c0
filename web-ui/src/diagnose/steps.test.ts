import { describe, expect, it } from "vitest";
import type { Diagnosis } from "../domain/diagnosis";
import { cameraCode } from "../domain/ids";
import { stepViews } from "./steps";

const diagnosis = (more: Partial<Diagnosis>): Diagnosis => ({
  camera: cameraCode("44140300001320000001"),
  profile: "main",
  at: "2026-11-30T00:00:00Z",
  by: "admin",
  running: false,
  live: false,
  steps: [
    { step: "file", cause: null, took_ms: 0, detail: "" },
    { step: "name", cause: null, took_ms: 3, detail: "192.0.2.1" },
  ],
  order: ["file", "name", "route", "port"],
  failure: null,
  ...more,
});
const outcomes = (one: Diagnosis) => stepViews(one).map((step) => step.outcome);

describe("steps of a diagnosis", () => {
  it("names the one that runs, and what is not reached", () => {
    expect(outcomes(diagnosis({ running: true }))).toEqual(["passed", "passed", "running", "skipped"]);
    expect(outcomes(diagnosis({}))).toEqual(["passed", "passed", "skipped", "skipped"]);
    expect(outcomes(diagnosis({ running: true, steps: [] }))[0]).toBe("running");
  });
  it("marks the failure", () => {
    const failed = { step: "route", cause: "no-route", took_ms: 9, detail: "x" };
    expect(outcomes(diagnosis({ steps: [...diagnosis({}).steps, failed] }))).toEqual([
      "passed",
      "passed",
      "failed",
      "skipped",
    ]);
  });
});
