import { describe, expect, it } from "vitest";
import type { EvidenceJob } from "../domain/evidence";
import { failureWords, leftMs } from "./evidence-tab";
import { freeRate, GIB, targetOf } from "./storage-logic";

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

describe("a free-space target as it is typed", () => {
  const bounds = { least_bytes: 4 * GIB, most_bytes: 50.04 * GIB };
  it("is in GiB, within its bounds", () => {
    expect(targetOf("20", bounds)).toBe(20 * GIB);
    expect(targetOf("4.5", bounds)).toBe(4.5 * GIB);
    for (const bad of ["", " ", "x", "3", "51", "-4"]) expect(targetOf(bad, bounds)).toBeNull();
  });
  it("takes the bounds as they are shown", () => {
    expect(targetOf("50.1", bounds)).toBe(50.04 * GIB);
    expect(targetOf("4", bounds)).toBe(4 * GIB);
    expect(targetOf("9999", { ...bounds, most_bytes: null })).toBe(9999 * GIB);
  });
});

describe("why a package was not made", () => {
  it("is said in our own words where they say all", () => {
    const said = "the package needs 5 bytes";
    for (const code of ["room", "no-recording"]) expect(failureWords({ code, text: said })).not.toContain(said);
  });
  it("keeps what the disk said", () => {
    expect(failureWords({ code: "disk", text: "cannot read /a" })).toContain("cannot read /a");
  });
});
