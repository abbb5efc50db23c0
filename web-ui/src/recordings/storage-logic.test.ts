import { describe, expect, it } from "vitest";
import type { EvidenceJob } from "../domain/types";
import { leftMs } from "./evidence-tab";
import { freeRate } from "./storage-logic";

describe("how fast a disk fills", () => {
  it("is not said of a moment", () => {
    expect(freeRate([])).toBeNull();
    expect(
      freeRate([
        { at: 0, free: 10 },
        { at: 5000, free: 5 },
      ]),
    ).toBeNull();
  });
  it("is what free space lost in a second", () => {
    expect(
      freeRate([
        { at: 0, free: 1_000_000 },
        { at: 10_000, free: 1 },
        { at: 20_000, free: 600_000 },
      ]),
    ).toBe(-20_000);
  });
});

describe("how long a package takes yet", () => {
  const job = (state: EvidenceJob["state"], share: number) =>
    ({ state, started: "2026-11-23T12:00:00Z", progress: { bytes_done: 0, bytes_total: 0, share } }) as EvidenceJob;
  const now = Date.parse("2026-11-23T12:00:10Z");
  it("goes by what it did so far", () => expect(leftMs(job("running", 0.25), now)).toBe(30_000));
  it("is not said of one that waits, or has hardly begun", () => {
    expect(leftMs(job("queued", 0.25), now)).toBeNull();
    expect(leftMs(job("running", 0.01), now)).toBeNull();
  });
});
