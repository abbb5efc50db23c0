import { describe, expect, it } from "vitest";
import { cameraCode } from "../domain/ids";
import { slots, Thumbnails } from "./thumbnails";

const CODE = cameraCode("44140300001320000001");
const turn = async () => {
  for (let i = 0; i < 8; i++) await Promise.resolve();
};

function world() {
  const waiting = new Map<number, (address: string | null) => void>();
  const freed: string[] = [];
  const all = new Thumbnails(
    (_, time) => new Promise((done) => waiting.set(time, done)),
    (address) => freed.push(address),
    () => undefined,
  );
  const arrive = async (time: number, address: string | null) => {
    waiting.get(time)?.(address);
    waiting.delete(time);
    await turn();
  };
  return { all, waiting, freed, arrive };
}

describe("slots", () => {
  it("stand on a grid that a small move does not change, and have room", () => {
    const T = Date.parse("2026-11-25T12:00:00Z");
    for (const length of [10_000, 60_000, 3_600_000, 30 * 86_400_000]) {
      const one = slots({ from: T, to: T + length }, 1900, 100);
      const two = slots({ from: T + 7, to: T + length + 7 }, 1900, 100);
      expect(one.length).toBeGreaterThan(1);
      expect(one.length).toBeLessThanOrEqual(20);
      for (const slot of two.slice(1, -1)) expect(one.some((other) => other.time === slot.time)).toBe(true);
    }
  });
});

describe("pictures", () => {
  it("come a few at a time, and those of an earlier view are dropped", async () => {
    const { all, waiting, arrive } = world();
    all.want([1, 2, 3, 4, 5].map((time) => ({ code: CODE, time })));
    expect([...waiting.keys()]).toEqual([1, 2, 3]);
    all.want([7, 8].map((time) => ({ code: CODE, time })));
    await arrive(1, "blob:1");
    expect([...waiting.keys()]).toEqual([2, 3, 7]);
    expect(all.get(CODE, 1)).toBe("blob:1");
    expect(all.get(CODE, 4)).toBeUndefined();
  });
  it("none is remembered until it may be there", async () => {
    const { all, waiting, arrive } = world();
    all.want([{ code: CODE, time: 1 }]);
    await arrive(1, null);
    expect(all.get(CODE, 1)).toBeNull();
    all.want([{ code: CODE, time: 1 }]);
    expect(waiting.size).toBe(0);
    all.forget(CODE, 1);
    all.want([{ code: CODE, time: 1 }]);
    expect(waiting.size).toBe(1);
  });
  it("are bounded: what was not used for longest is freed, and all of them at the end", async () => {
    const { all, freed, arrive } = world();
    for (let time = 0; time < 300; time++) {
      all.want([{ code: CODE, time }]);
      await arrive(time, `blob:${time}`);
      all.get(CODE, 0);
    }
    expect(all.size).toBe(240);
    expect(freed).toHaveLength(60);
    expect(freed).not.toContain("blob:0");
    all.close();
    expect(freed).toHaveLength(300);
  });
  it("what arrives after the end is freed", async () => {
    const { all, freed, arrive } = world();
    all.want([{ code: CODE, time: 1 }]);
    all.close();
    await arrive(1, "blob:1");
    expect(freed).toEqual(["blob:1"]);
  });
});
