import { describe, expect, it } from "vitest";
import { PictureRing } from "./picture-ring";

function filled(times: readonly number[], shown: number | null, most: number) {
  const ring = new PictureRing<{ of: number }>();
  const made: { of: number }[] = [];
  for (const time of times)
    ring.put(time, shown, most, (old) => {
      if (!old) made.push({ of: time });
      return Object.assign(old ?? made.at(-1) ?? { of: 0 }, { of: time });
    });
  return { ring, made };
}

describe("the pictures that are kept", () => {
  it("are found by the moment that they are of", () => {
    const { ring } = filled([40, 0, 80], null, 9);
    expect(ring.times).toEqual([0, 40, 80]);
    expect(ring.pick(79)?.time).toBe(40);
    expect(ring.pick(80)?.picture.of).toBe(80);
    expect(ring.pick(-1)).toBeNull();
    expect(ring.has(40.2)).toBe(true);
    expect(ring.has(60)).toBe(false);
  });
  it("say how far the moment may go where some between were left out", () => {
    const { ring } = filled([0, 40, 400], null, 9);
    expect(ring.near(100, 100)).toBe(100);
    expect(ring.near(300, 100)).toBe(140);
    expect(ring.near(400, 100)).toBe(400);
    expect(ring.near(-5, 100)).toBe(-5);
  });
  it("take no more room than they may: what was shown goes first, and its room is used again", () => {
    const { ring, made } = filled([0, 40, 80, 120, 160], 80, 3);
    expect(ring.times).toEqual([80, 120, 160]);
    expect(made).toHaveLength(3);
    expect(ring.pick(160)?.picture.of).toBe(160);
  });
  it("of what is still to be shown keep the next", () => {
    expect(filled([0, 40, 80, 120, 160], 0, 3).ring.times).toEqual([0, 40, 160]);
    expect(filled([0, 40, 80, 120], null, 2).ring.times).toEqual([0, 120]);
  });
  it("are taken once", () => {
    const { ring, made } = filled([0, 0.2, 0], null, 3);
    expect(ring.times).toEqual([0]);
    expect(made).toHaveLength(1);
    expect(ring.clear()).toHaveLength(1);
    expect(ring.last).toBeNull();
  });
});
