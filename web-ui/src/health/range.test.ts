import { describe, expect, it } from "vitest";
import { addressOf, dayOf, daysBetween, deeper, percentOf, plusDays, presetRange, questionOf } from "./range";

describe("days", () => {
  it("begin by the district's clock", () => {
    expect(dayOf(Date.parse("2026-11-30T15:59:59Z"))).toBe("2026-11-30");
    expect(dayOf(Date.parse("2026-11-30T16:00:00Z"))).toBe("2026-12-01");
    expect(plusDays("2026-03-01", -1)).toBe("2026-02-28");
    expect(daysBetween("2026-11-01", "2026-11-30")).toBe(30);
  });
  it("are gathered into ranges", () => {
    expect(presetRange("lastMonth", "2026-03-15")).toEqual(["2026-02-01", "2026-02-28"]);
    expect(presetRange("thisMonth", "2026-03-15")).toEqual(["2026-03-01", "2026-03-15"]);
    expect(presetRange("week", "2026-03-03")).toEqual(["2026-02-25", "2026-03-03"]);
  });
});

describe("the address", () => {
  it("holds the question and gives it back", () => {
    const question = {
      from: "2026-11-01",
      to: "2026-11-30",
      by: "village" as const,
      period: "week" as const,
      region: "441403102",
    };
    const search = new URLSearchParams(addressOf(question).split("?")[1]);
    expect(questionOf(search, "2026-12-01")).toEqual(question);
  });
  it("with nonsense in it asks for the last thirty days by town", () => {
    const search = new URLSearchParams("from=yesterday&by=moon&period=year");
    expect(questionOf(search, "2026-11-30")).toEqual({
      from: "2026-11-01",
      to: "2026-11-30",
      by: "town",
      period: "all",
    });
  });
  it("goes deeper from town to village to camera", () => {
    const town = questionOf(new URLSearchParams(), "2026-11-30");
    const village = deeper(town, "441403102");
    expect([village.by, village.region]).toEqual(["village", "441403102"]);
    expect(deeper(village, "441403102201").by).toBe("camera");
    expect(deeper(village, "441403102201").own).toBeUndefined();
    const own = deeper(village, "441403102");
    expect(own).toMatchObject({ by: "camera", region: "441403102", own: "1" });
    expect(questionOf(new URLSearchParams(addressOf(own).split("?")[1]), "2026-11-30")).toEqual(own);
    expect(deeper({ ...town, by: "maker" }, "H").maker).toBe("H");
  });
});

describe("a share", () => {
  it("that is not all is not shown as all", () => {
    expect(percentOf(0.99999)).toBe("99.99 %");
    expect(percentOf(1)).toBe("100.00 %");
    expect(percentOf(null)).toBe("—");
  });
});
