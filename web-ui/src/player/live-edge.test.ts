import { describe, expect, it } from "vitest";
import { decide, EDGE, type EdgeInput, landing, trim } from "./live-edge";

const at = (currentTime: number, more: Partial<EdgeInput> = {}): EdgeInput => ({
  currentTime,
  rate: 1,
  ranges: [{ start: 0, end: 20 }],
  stalledMs: 0,
  settled: true,
  ...more,
});

describe("near the edge", () => {
  it("does nothing without data", () => expect(decide(at(0, { ranges: [] }))).toEqual({ kind: "none" }));
  it.each([0.3, 0.45, 0.6, 0.79])("plays at one at %f s", (behind) =>
    expect(decide(at(20 - behind))).toEqual({ kind: "none" }),
  );
  it("speeds up a little, then more", () => {
    expect(decide(at(19.1))).toEqual({ kind: "rate", rate: 1.05 });
    expect(decide(at(18))).toEqual({ kind: "rate", rate: 1.1 });
  });
  it("holds the raised rate until the target, not until the threshold", () => {
    expect(decide(at(19.4, { rate: 1.05 }))).toEqual({ kind: "none" });
    expect(decide(at(19.6, { rate: 1.05 }))).toEqual({ kind: "rate", rate: 1 });
  });
  it("slows down when thin, and goes back", () => {
    expect(decide(at(19.9))).toEqual({ kind: "rate", rate: 0.95 });
    expect(decide(at(19.75, { rate: 0.95 }))).toEqual({ kind: "none" });
    expect(decide(at(19.6, { rate: 0.95 }))).toEqual({ kind: "rate", rate: 1 });
  });
  it("jumps when far behind", () => {
    expect(decide(at(20 - EDGE.jump - 0.1))).toEqual({ kind: "seek", to: 20 - EDGE.target });
  });
});

describe("the first run", () => {
  it("runs up to the edge without dropping a frame, then keeps to the rules", () => {
    expect(decide(at(18.5, { settled: false }))).toEqual({ kind: "rate", rate: EDGE.runUp });
    expect(decide(at(18.5, { settled: false, rate: EDGE.runUp }))).toEqual({ kind: "none" });
    expect(decide(at(19.5, { settled: false, rate: EDGE.runUp }))).toEqual({ kind: "rate", rate: 1 });
  });
  it("jumps over a group that is too long to run through", () => {
    expect(decide(at(10, { settled: false }))).toEqual({ kind: "seek", to: 20 - EDGE.target });
  });
});

describe("holes and stalls", () => {
  const ranges = [
    { start: 0, end: 10 },
    { start: 11, end: 12 },
  ];
  it("plays an older range to its end", () => expect(decide(at(9.8, { ranges }))).toEqual({ kind: "none" }));
  it("crosses a hole at the end of a range", () => {
    expect(decide(at(9.97, { ranges }))).toEqual({ kind: "seek", to: 11.55 });
    expect(decide(at(10.4, { ranges }))).toEqual({ kind: "seek", to: 11.55 });
  });
  it("crosses when it stands still before the end", () => {
    expect(decide(at(9.8, { ranges, stalledMs: EDGE.stallMs + 1 }))).toMatchObject({ kind: "seek" });
  });
  it("lands inside a range that is shorter than the target", () => {
    expect(landing({ start: 5, end: 5.2 })).toBeCloseTo(5.01);
  });
  it("nudges a decoder that stands still with data ahead", () => {
    expect(decide(at(19, { stalledMs: 2000 }))).toMatchObject({ kind: "seek" });
    expect(decide(at(19.9, { stalledMs: 2000 })).kind).not.toBe("seek");
  });
  it("comes to rest at the edge from any delay (virtual time)", () => {
    for (const behind of [0.2, 0.5, 0.9, 1.5, 2.4, 9]) {
      let time = 100 - behind;
      let rate = 1;
      let edge = 100;
      for (let i = 0; i < 600; i++) {
        const action = decide({
          currentTime: time,
          rate,
          ranges: [{ start: 0, end: edge }],
          stalledMs: 0,
          settled: true,
        });
        if (action.kind === "seek") time = action.to;
        if (action.kind === "rate") rate = action.rate;
        edge += 0.2;
        time += 0.2 * rate;
      }
      expect(edge - time).toBeGreaterThan(0.1);
      expect(edge - time).toBeLessThan(0.81);
    }
  });
});

describe("trimming", () => {
  it("keeps eight seconds and goes in steps", () => {
    expect(trim(10, [{ start: 0, end: 20 }])).toBeNull();
    expect(trim(12.5, [{ start: 0, end: 20 }])).toEqual({ start: 0, end: 4.5 });
    expect(trim(12.5, [{ start: 4.5, end: 20 }])).toBeNull();
    expect(trim(3, [])).toBeNull();
  });
});
