import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { addMessages } from "../i18n/messages";
import { language } from "../i18n/t";
import { SAID } from "../i18n/texts/said";
import { detailWords, SKELETONS } from "./audit-words";

addMessages(SAID);
const words = (detail: string, action = "x") =>
  detailWords(action, detail, (code) => (code === A ? "北门" : undefined));
const [A, B] = ["44140310201310000001", "44140310201310000002"];

describe("what the audit log notes with an entry", () => {
  afterEach(() => {
    language.value = "zh";
  });

  it("is told in the reader's language and by the reader's clock", () => {
    language.value = "zh";
    expect(words("sub for main", "view-opened")).toBe("以子码流代替主码流");
    expect(words("main: camera-busy")).toMatch(/^主码流：[^a-z]+$/);
    expect(words("around 2026-12-01T04:00:00.000000Z")).toMatch(/ 前后$/);
    expect(words("around 2026-12-01T04:00:00.000000Z")).not.toContain("T04");
    expect(words("too many attempts")).toBe("尝试次数过多");
    expect(words(`screen 3: ${A} ${B}, tour of 12`)).toBe(`屏 3：北门 ${B}，轮巡 12 路`);
    expect(words("handling to closed", "incident-moved")).toBe("处置中 → 已办结");
    expect(words("II to I", "incident-graded")).toBe("II 级（重大） → I 级（特别重大）");
    expect(words("10.0 GiB instead of 5.0 GiB (the configuration's)")).toBe("恢复为配置值 10.0 GiB，原为 5.0 GiB");
    expect(words("2026-11-01 to 2026-11-30, by town, a line a month")).toBe(
      "2026-11-01 至 2026-11-30，按镇街分组，按月统计",
    );
    expect(words("operator of 441403102, new password")).toMatch(/^[^a-z]+，区域 441403102，已设新密码$/);
    const played = words(
      "closed, sent 2026-12-01T04:00:00.000000Z to 2026-12-01T04:01:00.000000Z, 2026-12-01T05:00:00.000000Z to 2026-12-01T05:01:00.000000Z",
    );
    expect(played).toMatch(/^已关闭，发送了 .+ 至 .+; .+ 至 .+$/);
    language.value = "en";
    expect(words("sub for main", "view-opened")).toBe("sub stream in place of the main stream");
  });

  it("stands as it is where no shape fits", () => {
    for (const detail of ["", '{"id":"a","on":true}', "GET /api/v1/users", "no space left on device"]) {
      expect(words(detail)).toBe(detail);
    }
    // What people wrote is nobody's shape: a task's title with " to " in it is told by its action alone.
    expect(words("walk to the bridge")).toBe("walk to the bridge");
    expect(words("walk to the bridge to li", "task-given")).toBe("walk → the bridge to li");
  });

  it("has words for everything that the gateway's source writes there", () => {
    const files = (folder: string): string[] =>
      readdirSync(folder, { withFileTypes: true }).flatMap((one) => {
        const path = join(folder, one.name);
        return one.isDirectory() ? files(path) : one.name.endsWith(".rs") ? [path] : [];
      });
    const written = /(?:entry\.detail = (?:(?:match|if) [^;]*?)?|let detail = )(?:format!\(\s*)?"((?:[^"\\]|\\.)*)"/g;
    const found = files(join(import.meta.dirname, "../../../gateway/src")).flatMap((path) =>
      [...readFileSync(path, "utf8").matchAll(written)].map((m) => (m[1] ?? "").replace(/\{[^}]*\}/g, "{}")),
    );
    expect(found.length).toBeGreaterThan(40);
    // The request that was denied; what is put together of two.
    const others = ["{} {}", "{}, until {}", "{} instead of {}{}", "{} of {}{}", "screen {}: {}{}"];
    expect([...new Set(found)].filter((one) => !SKELETONS.has(one) && !others.includes(one))).toEqual([]);
  });
});
