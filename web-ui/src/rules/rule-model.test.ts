import { describe, expect, it } from "vitest";
import type { Rule } from "./api";
import { draftOf, emptyDraft, idOf, ruleOf } from "./rule-model";

const rule: Rule = {
  id: "night",
  name: "夜间翻越",
  on: true,
  kinds: ["motion", "covered"],
  region: "441403102",
  cameras: ["44140300001326000001"],
  at_least: "III",
  hours: [
    { days: 31, from_min: 1320, to_min: 360 },
    { days: 96, from_min: 0, to_min: 1440 },
  ],
  count: 3,
  within_s: 120,
  per: "region",
  quiet_s: 600,
  acts: ["popup", { grade: "II" }, { incident: { kind: "security" } }, { notify: "看一下" }],
};

describe("a rule", () => {
  it("that is opened and not changed is the same", () => {
    expect(ruleOf(draftOf(rule))).toEqual(rule);
    const bare: Rule = { ...rule, hours: [], acts: [{ notify: "" }], at_least: null, cameras: [] };
    expect(ruleOf(draftOf(bare))).toEqual(bare);
    const weekend: Rule = { ...rule, hours: [{ days: 96, from_min: 0, to_min: 1440 }] };
    expect(ruleOf(draftOf(weekend))).toEqual(weekend);
  });
  it("that is new holds at all times and comes up on the walls", () => {
    const made = ruleOf({ ...emptyDraft("441403"), name: " A " });
    expect([made.name, made.hours, made.acts, made.on]).toEqual(["A", [], ["popup"], false]);
  });
  it("until midnight ends at 24 hours", () => {
    const made = ruleOf({ ...emptyDraft("441403"), from: "22:00", to: "00:00" });
    expect(made.hours).toEqual([{ days: 127, from_min: 1320, to_min: 1440 }]);
  });
  it("has a name for addresses whatever its name is", () => {
    expect(idOf("Night: climbing!", 0)).toBe("night-climbing");
    expect(idOf("夜间", 1234567.25)).toMatch(/^rule-[a-z0-9]+$/);
  });
});
