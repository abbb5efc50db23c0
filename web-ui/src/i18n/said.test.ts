import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { Problem } from "../api/http";
import "./later";
import { MESSAGES } from "./messages";
import { noteWords, problemText, saidWords, whatWords, wordsOf } from "./said";
import { language, tCode } from "./t";

const root = resolve(import.meta.dirname, "../../..");
const CRATES = ["media/src", "ingest/src", "gateway/src", "gateway/command/src"];

function rust(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    return entry.isDirectory() ? rust(path) : entry.name.endsWith(".rs") ? [path] : [];
  });
}

/** Every `said!("code", "text", name = ...)` and `words!("code", name = ...)` of the gateway: code and names of its values. */
const spoken = CRATES.flatMap((crate) =>
  rust(join(root, crate)).flatMap((file) => {
    const text = readFileSync(file, "utf8").replace(/^\s*\/\/.*$/gm, "");
    return [...text.matchAll(/\b(said|words)!\(\s*"([a-z-]+)"/g)].map((match) => {
      let depth = 1;
      let end = match.index + match[0].length;
      let quoted = false;
      for (; depth > 0 && end < text.length; end += 1) {
        const at = text[end];
        if (at === '"' && text[end - 1] !== "\\") quoted = !quoted;
        if (!quoted && at === "(") depth += 1;
        if (!quoted && at === ")") depth -= 1;
      }
      const inside = text.slice(match.index + match[0].length, end - 1);
      const names = [...inside.matchAll(/(?:^|[,\s(])([a-z_]+)\s*=\s/g)].map((one) => one[1] ?? "");
      return { file, code: match[2] ?? "", names };
    });
  }),
);

const problem = (more: Partial<Problem>): Problem => ({
  status: 400,
  code: "bad-request",
  title: "The request is not understood",
  detail: "name: longer than 100 characters",
  retryAfter: null,
  ...more,
});

describe("what the gateway says", () => {
  afterEach(() => {
    language.value = "zh";
  });

  it("has words in both languages for every code, which name only what the gateway gives", () => {
    expect(spoken.length).toBeGreaterThan(100);
    for (const { file, code, names } of spoken) {
      const words = (MESSAGES as Record<string, readonly [string, string]>)[`said.${code}`];
      expect(words, `${code} of ${file}`).toBeDefined();
      const wanted = [...(words?.[0] ?? "").matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? "");
      for (const name of wanted) expect(names, `{${name}} of ${code} in ${file}`).toContain(name);
    }
  });

  it("has words for every code of a problem", () => {
    const source = readFileSync(join(root, "gateway/src/api/problem.rs"), "utf8");
    const titles = source.slice(source.indexOf("fn title("), source.indexOf("_ => self.status"));
    const codes = [...titles.matchAll(/"([a-z-]+)" =>/g)].map((match) => match[1] ?? "");
    expect(codes.length).toBeGreaterThan(12);
    // Two that only programs meet.
    const known = codes.filter((code) => !["no-tile", "method-not-allowed"].includes(code));
    for (const code of known) expect(tCode("problem", code), code).not.toBeNull();
  });

  it("is worded with its values, those that are codes themselves too", () => {
    const refused = {
      code: "link-no-room",
      name: "一村",
      link: "441403102201",
      wanted: "4.0 Mbit/s",
      reserved: "8.0 Mbit/s",
      budget: "10.0 Mbit/s",
      held: "1 wall, 2 recording",
    };
    expect(wordsOf(refused)).toBe(
      "链路“一村”容不下 4.0 Mbit/s：预算 10.0 Mbit/s，已分配 8.0 Mbit/s（电视墙 1 路、录像 2 路）",
    );
    language.value = "en";
    expect(wordsOf(refused)).toContain("has no room for 4.0 Mbit/s");
    const named = { code: "region-named", region: "441403102", by: "account:ops, plan:441403102201, more:3" };
    expect(wordsOf(named)).toContain("account ops, the recording plan of 441403102201, 3 more");
    language.value = "zh";
    expect(wordsOf(named)).toContain("账号 ops、441403102201 的录像计划、另有 3 处");
  });

  it("on a Chinese page is never the English sentence", () => {
    const coded = problem({ field: "name", said: { code: "too-long", most: "100" } });
    expect(whatWords(coded)).toBe("超过 100 个字");
    expect(problemText(coded)).toBe("“名称”：超过 100 个字");
    const place = problem({ field: "coordinates[0]", detail: "coordinates[0]: the ring is not closed" });
    expect(problemText(place)).toBe("填写的内容不符合要求（coordinates[0]: the ring is not closed）");
    // A code of tomorrow: what kind of refusal it is, and nothing in English.
    const later = problem({ code: "forbidden", detail: "of tomorrow", said: { code: "of-tomorrow" } });
    expect(problemText(later)).toBe("没有权限");
    expect(saidWords({ text: "of tomorrow", said: { code: "of-tomorrow" } })).toBe("");
    expect(problemText(problem({ code: "internal", detail: "its log says why" }))).not.toMatch(/[a-z]{3}/);
  });

  it("of the gateway's own notes in the history is worded, what people wrote is theirs", () => {
    expect(["restored revision 3", "outage 7", "outage 7 withdrawn", "换镜头"].map(noteWords)).toEqual([
      "恢复自第 3 版",
      "批准停机 7",
      "批准停机 7 撤回",
      "换镜头",
    ]);
  });

  it("on an English page is English", () => {
    language.value = "en";
    const coded = problem({ field: "name", said: { code: "too-long", most: "100" } });
    expect(problemText(coded)).toBe("'Name': longer than 100 characters");
    expect(saidWords({ text: "of tomorrow", said: { code: "of-tomorrow" } })).toBe("of tomorrow");
    expect(problemText(problem({ field: "name" }))).toBe("'Name': longer than 100 characters");
  });
});
