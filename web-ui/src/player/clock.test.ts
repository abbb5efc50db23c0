import { describe, expect, it } from "vitest";
import { monoMillis, utcMicros } from "../domain/ids";
import { Backoff } from "./backoff";
import { ServerClock } from "./clock";

describe("the gateway's clock", () => {
  it("is unknown before the first sample", () => expect(new ServerClock().at(monoMillis(5))).toBeNull());
  it("lies in the middle of the way there and back", () => {
    const clock = new ServerClock();
    clock.sample(utcMicros(1_000_000), monoMillis(100), monoMillis(140));
    expect(clock.at(monoMillis(120))).toBe(1_000_000);
    expect(clock.at(monoMillis(220))).toBe(1_100_000);
  });
  it("believes the shorter way, until that is old", () => {
    const clock = new ServerClock();
    clock.sample(utcMicros(1_000_000), monoMillis(0), monoMillis(10));
    clock.sample(utcMicros(9_000_000), monoMillis(0), monoMillis(500));
    expect(clock.at(monoMillis(5))).toBe(1_000_000);
    clock.sample(utcMicros(700_000_000), monoMillis(700_000), monoMillis(700_500));
    expect(clock.at(monoMillis(700_250))).toBe(700_000_000);
  });
});

describe("waits between attempts", () => {
  it("double, are capped, and keep within half and all", () => {
    for (const share of [0, 1]) {
      const backoff = new Backoff(500, 15_000, () => share);
      const waits = Array.from({ length: 8 }, () => backoff.next());
      expect(waits.slice(0, 3)).toEqual([500, 1000, 2000].map((ms) => ms * (0.5 + share / 2)));
      expect(Math.max(...waits)).toBe(15_000 * (0.5 + share / 2));
      backoff.reset();
      expect(backoff.next()).toBe(500 * (0.5 + share / 2));
    }
  });
  it("stay finite after thousands of attempts", () => {
    const backoff = new Backoff(500, 15_000);
    for (let i = 0; i < 5000; i++) expect(backoff.next()).toBeLessThanOrEqual(15_000);
  });
});
