import { describe, expect, it } from "vitest";
import { parseMoment } from "./timeline-goto";

// Wednesday, 25 November 2026, 15:30:10 by the local clock; what is looked at is the Monday before, 09:00.
const NOW = new Date(2026, 10, 25, 15, 30, 10).getTime();
const AT = new Date(2026, 10, 23, 9, 0, 0).getTime();
const local = (d: number, h = 0, m = 0, s = 0, month = 10, year = 2026) => new Date(year, month, d, h, m, s).getTime();

describe("what a person types", () => {
  it.each([
    ["14:03:20", local(23, 14, 3, 20)],
    ["14：03：20", local(23, 14, 3, 20)],
    ["14:03", local(23, 14, 3)],
    ["1403", local(23, 14, 3)],
    ["140320", local(23, 14, 3, 20)],
    ["14点03分20秒", local(23, 14, 3, 20)],
    ["下午2:03", local(23, 14, 3)],
    ["2:03 pm", local(23, 14, 3)],
    ["2 pm", local(23, 14)],
    ["12am", local(23)],
    ["yesterday 14:03:20", local(24, 14, 3, 20)],
    ["昨天14:03", local(24, 14, 3)],
    ["昨天 8点", local(24, 8)],
    ["yesterday", local(24)],
    ["前天 23:59", local(23, 23, 59)],
    ["today 8:00", local(25, 8)],
    ["mon 9:15", local(23, 9, 15)],
    ["周三 9:15", local(25, 9, 15)],
    ["周四", local(19)],
    ["2026-11-20", local(20)],
    ["2026-11-20 14:03:20", local(20, 14, 3, 20)],
    ["2026-11-20T14:03:20", local(20, 14, 3, 20)],
    ["2026年11月20日14点", local(20, 14)],
    ["11-20 8:30", local(20, 8, 30)],
    ["11/20", local(20)],
    ["12-24", local(24, 0, 0, 0, 11, 2025)],
    ["20日 8:30", local(20, 8, 30)],
    ["now", NOW],
    ["-10m", AT - 600_000],
    ["+30 s", AT + 30_000],
    ["-2小时", AT - 7_200_000],
    ["-1d", AT - 86_400_000],
    ["10 min ago", NOW - 600_000],
    ["30分钟前", NOW - 1_800_000],
  ])("%s", (text, expected) => expect(parseMoment(text, AT, NOW)).toBe(expected));

  it("a time with an offset is that moment", () => {
    expect(parseMoment("2026-11-20T06:03:20Z", AT, NOW)).toBe(Date.UTC(2026, 10, 20, 6, 3, 20));
  });
  it("a time of today that is still to come was yesterday", () => {
    expect(parseMoment("23:00", NOW, NOW)).toBe(local(24, 23));
    expect(parseMoment("15:00", NOW, NOW)).toBe(local(25, 15));
  });
  it.each(["", "noon-ish", "25:00", "14:60", "2026-02-30", "11-31", "99", "-5 lightyears", "14:03 14:03"])(
    "'%s' is not a moment",
    (text) => expect(parseMoment(text, AT, NOW)).toBeNull(),
  );
});
