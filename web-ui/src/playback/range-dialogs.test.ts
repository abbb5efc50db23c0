import { describe, expect, it } from "vitest";
import { localInput, readLocal } from "./local-time";
import { untilOf, windowOf } from "./range-dialogs";

const at = new Date(2026, 10, 23, 14, 3, 20, 250).getTime();

describe("times in the browser's own fields", () => {
  it("are local, to the second, and come back", () => {
    expect(localInput(at)).toBe("2026-11-23T14:03:20");
    expect(readLocal(localInput(at))).toBe(at - 250);
    expect(readLocal("")).toBeNull();
  });
});

describe("a range set right by hand", () => {
  const marked = { from: at, to: at + 60_000 };
  const fields = { from: localInput(marked.from), to: localInput(marked.to) };
  it("keeps the milliseconds of what was not changed", () => {
    expect(windowOf(fields, marked)).toEqual(marked);
    expect(windowOf({ ...fields, to: localInput(at + 120_000) }, marked)).toEqual({ from: at, to: at + 119_750 });
  });
  it("is none where it ends before it begins, or a field is empty", () => {
    expect(windowOf({ from: fields.to, to: fields.from })).toBeNull();
    expect(windowOf({ ...fields, to: "" })).toBeNull();
  });
});

describe("until when", () => {
  it("is days from then on, the end of a day, or never", () => {
    expect(untilOf("30", "", at)).toBe(new Date(at + 30 * 86_400_000).toISOString());
    expect(untilOf("date", "2026-12-31", at)).toBe(new Date(2026, 11, 31, 23, 59, 59).toISOString());
    expect(untilOf("ever", "", at)).toBeNull();
  });
  it("is not known while no day is chosen", () => expect(untilOf("date", "", at)).toBeUndefined());
});
