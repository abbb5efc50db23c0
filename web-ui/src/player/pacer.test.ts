import { describe, expect, it } from "vitest";
import { PACE, Pacer } from "./pacer";

/** Pictures of 25 fps that arrive `late(n)` ms after they were due; what is held back over the line's best delay. */
function run(count: number, late: (n: number) => number, pacer = new Pacer(), from = 0) {
  const held: number[] = [];
  for (let n = from; n < from + count; n++) {
    const media = n * 40;
    const now = 100_000 + media + late(n);
    pacer.arrived(media, now);
    held.push(pacer.due(media) - (100_000 + media));
  }
  return { pacer, held };
}

describe("when a picture is due", () => {
  it("on an even line: at once, but for what a screen needs", () => {
    const { held } = run(200, () => 0);
    expect(held.at(-1)).toBeCloseTo(PACE.least, 0);
  });
  it("on an uneven line: so much later that none comes too late", () => {
    let seed = 3;
    const random = () => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    const lates = Array.from({ length: 500 }, () => random() * 60);
    const { held } = run(500, (n) => lates[n] as number);
    const tooLate = held.slice(100).filter((due, i) => due < (lates[i + 100] as number)).length;
    expect(tooLate).toBeLessThan(400 * 0.03);
    expect(held.at(-1)).toBeLessThan(150);
  });
  it("never more than the most is held back", () => {
    const { held } = run(300, (n) => (n % 2) * 3000);
    expect(held.at(-1)).toBeLessThanOrEqual(PACE.most + 1);
  });
  it("a group that comes in one burst is run through: the last of it is live", () => {
    const pacer = new Pacer();
    // Two seconds of pictures, all within a millisecond.
    for (let n = 0; n < 50; n++) pacer.arrived(n * 40, 100_000 + n / 50);
    const now = 100_001;
    expect(pacer.due(0)).toBeLessThan(now);
    expect(pacer.due(49 * 40) - now).toBeLessThan(3 * PACE.least);
  });
  it("changes gently: by a twentieth of real time", () => {
    const { pacer, held } = run(200, () => 0);
    const more = run(100, () => 200, pacer, 200).held;
    const steps = [held.at(-1) as number, ...more].map((due, i, all) => (i === 0 ? 0 : due - (all[i - 1] as number)));
    // The first step covers the time that the delay itself took.
    for (const step of steps.slice(2)) expect(Math.abs(step)).toBeLessThanOrEqual(40 * PACE.gentle + 0.01);
  });
  it("jumps when the feed's time does", () => {
    const { pacer } = run(100, () => 0);
    pacer.arrived(9_000_000, 200_000);
    expect(pacer.due(9_000_000) - 200_000).toBeLessThan(PACE.most + 1);
    pacer.reset();
    pacer.arrived(5, 300_000);
    expect(pacer.due(5) - 300_000).toBeLessThan(PACE.most + 1);
  });
});
