import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { PROGRESS, STEPS, type Task } from "./command";
import { after, isOpenTask, stepsFor } from "./task";

const task = (part: Partial<Task>): Task => ({
  number: 1,
  title: "t",
  detail: "",
  owner: "chen",
  deadline: null,
  place: null,
  progress: "assigned",
  given_by: "wang",
  given_at: "",
  acknowledged_at: null,
  ended_at: null,
  overdue_at: null,
  urged: 0,
  supervised_by: null,
  revision: 0,
  last: null,
  ...part,
});

describe("the table of steps", () => {
  it("is that of docs/reference/api.md", () => {
    const page = readFileSync(resolve(import.meta.dirname, "../../../docs/reference/api.md"), "utf8");
    const rows = page
      .split("\n")
      .filter((line) => /^\| `(acknowledge|begin|feed-back|submit|approve|send-back)` \|/.test(line));
    expect(rows.length).toBe(6);
    for (const row of rows) {
      const [, step, from, to] = row.split("|").map((cell) => [...cell.matchAll(/`([a-z-]+)`/g)].map((m) => m[1]));
      for (const progress of PROGRESS) {
        const expected = from?.includes(progress) ? to?.[0] : null;
        expect(after(progress, step?.[0] as "begin"), `${progress} ${step}`).toBe(expected);
      }
    }
  });
  it("nothing follows the end, and everything else can be withdrawn", () => {
    for (const progress of PROGRESS) {
      for (const step of STEPS) if (!isOpenTask(progress)) expect(after(progress, step)).toBeNull();
      if (isOpenTask(progress)) expect(after(progress, "withdraw")).toBe("withdrawn");
    }
  });
  it("nobody acknowledges for another or reviews their own work", () => {
    const chen = { user: "chen", handles: true };
    const wang = { user: "wang", handles: true };
    expect(stepsFor(task({}), wang)).not.toContain("acknowledge");
    expect(stepsFor(task({}), chen)).toContain("acknowledge");
    expect(stepsFor(task({ progress: "review" }), chen)).not.toContain("approve");
    expect(stepsFor(task({ progress: "review" }), wang)).toContain("approve");
    expect(stepsFor(task({}), { user: "li", handles: false })).toEqual([]);
  });
});
