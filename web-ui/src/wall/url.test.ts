import { describe, expect, it } from "vitest";
import { cameraCode } from "../domain/ids";
import { formatWall, moveFocus, parseWall, place, remove, reserve, target, visible, type WallState } from "./url";

const code = (n: number) => cameraCode(`4414030000132000${String(n).padStart(4, "0")}`);
const read = (text: string) => parseWall(new URLSearchParams(text));
const wall = (more: Partial<WallState> = {}): WallState => ({
  layout: 4,
  slots: [code(1), null, code(3)],
  focus: null,
  ...more,
});

describe("the address", () => {
  it.each([
    wall(),
    wall({ focus: 2 }),
    wall({ slots: [], layout: 25 }),
    wall({ slots: [null, null, code(9)], layout: 1 }),
  ])("restores %j", (state) => expect(parseWall(new URLSearchParams(formatWall(state).split("?")[1]))).toEqual(state));
  it("falls back on nonsense", () => {
    expect(read("l=7&c=x,;drop&f=-1")).toEqual({ layout: 16, slots: [], focus: null });
    expect(read("f=1.5").focus).toBeNull();
    expect(read("")).toEqual({ layout: 16, slots: [], focus: null });
  });
  it("shows a camera once and never more than 25", () => {
    expect(read(`c=${code(1)},${code(1)}`).slots).toEqual([code(1)]);
    expect(read(`c=${Array.from({ length: 60 }, (_, i) => code(i + 1)).join()}`).slots).toHaveLength(25);
  });
});

describe("places", () => {
  it("a camera changes places with what stood there", () => {
    expect(place(wall(), code(1), 2).slots).toEqual([code(3), null, code(1)]);
    expect(place(wall(), code(7), 1).slots).toEqual([code(1), code(7), code(3)]);
    expect(place(wall(), code(7), 99)).toEqual(wall());
  });
  it("takes away", () => expect(remove(wall(), 2).slots).toEqual([code(1)]));
  it("a pick goes to the focus, else to the first empty tile, else to the first", () => {
    expect(target(wall({ focus: 3 }))).toBe(3);
    expect(target(wall())).toBe(1);
    expect(target(wall({ layout: 1 }))).toBe(0);
  });
  it("shows the page that holds the focus", () => {
    const slots = Array.from({ length: 16 }, (_, i) => code(i + 1));
    expect(visible(wall({ slots, layout: 1, focus: 5 }))).toEqual({ first: 5, codes: [code(6)] });
    expect(visible(wall({ slots, layout: 4, focus: 5 })).codes).toEqual(slots.slice(4, 8));
    expect(visible(wall()).codes).toEqual([code(1), null, code(3), null]);
  });
});

describe("the focus by arrow keys", () => {
  it("comes to the first tile on the screen, then moves by one", () => {
    const once = moveFocus(wall(), "right");
    expect(once.focus).toBe(0);
    expect(moveFocus(once, "right").focus).toBe(1);
  });
  it("moves by a row, and stays at the ends", () => {
    expect(moveFocus(wall({ focus: 1 }), "down").focus).toBe(3);
    expect(moveFocus(wall({ focus: 3 }), "up").focus).toBe(1);
    expect(moveFocus(wall({ focus: 3 }), "down").focus).toBe(3);
    expect(moveFocus(wall({ focus: 1 }), "up").focus).toBe(1);
    expect(moveFocus(wall({ focus: 0 }), "left").focus).toBe(0);
    expect(moveFocus(wall({ focus: 3 }), "right").focus).toBe(3);
  });
  it("stays on its page of the layout", () => {
    expect(moveFocus(wall({ focus: 4 }), "left").focus).toBe(4);
    expect(moveFocus(wall({ focus: 6 }), "up").focus).toBe(4);
  });
});

describe("a tile kept for alarms", () => {
  it("is the focused one, else the last on the screen, and stands in the address", () => {
    expect(reserve(wall({ focus: 1 }))).toMatchObject({ alarm: 1, focus: null });
    const kept = reserve(wall());
    expect(kept.alarm).toBe(3);
    expect(formatWall(kept)).toContain("a=3");
    expect(parseWall(new URLSearchParams(formatWall(kept).split("?")[1]))).toEqual(kept);
    expect(read("a=99")).not.toHaveProperty("alarm");
  });
  it("shows no camera of its own and takes none; what stood there comes back", () => {
    const kept = reserve(wall({ focus: 2 }));
    expect(visible(kept).codes).toEqual([code(1), null, null, null]);
    expect(place(kept, code(9), 2)).toBe(kept);
    expect(target(kept)).toBe(1);
    expect(visible(reserve(kept)).codes[2]).toBe(code(3));
  });
});
