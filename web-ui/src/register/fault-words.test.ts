import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { language, tCode } from "../i18n/t";
import { faultWords } from "./fault-words";
import type { Fault } from "./types";

const fault = (detail: Fault["detail"]): Fault => ({
  row: 4,
  column: "编码",
  severity: "error",
  kind: "bad-code",
  detail,
  text: "as the gateway says it",
});

describe("what is wrong with a cell", () => {
  afterEach(() => {
    language.value = "zh";
  });

  it.each([
    [
      { code: "length", value: "4414", found: 4, expected: "20 digits" },
      "“4414”有 4 位，应为 20 位",
      "“4414” has 4 characters, expected 20",
    ],
    [
      { code: "expected", value: "north", expected: "heading" },
      "“north”不对，应填 0 到 359 度",
      "“north”, expected degrees from 0 to 359",
    ],
    [
      { code: "limit", field: "asset.main_kbps", text: "5, expected 16 to 200000 kbit/s" },
      "不合规：应为 16 到 200000 kbps",
      "not within limits: expected 16 to 200,000 kbit/s",
    ],
    [
      { code: "limit", field: "asset.model", text: "longer than 200 characters" },
      "不合规：超过 200 个字",
      "not within limits: longer than 200 characters",
    ],
    [
      { code: "word", value: "round", known: ["dome", "fixed"] },
      "“round”不在可选值内：球机 / 枪机",
      "“round”, expected one of Dome / Fixed",
    ],
    [{ code: "mandatory", zh: "设备厂商", en: "Maker" }, "“设备厂商”为必填项", "Maker is mandatory"],
    [{ code: "code-twice", row: 3 }, "与第 3 行的编码相同", "it stands in row 3 already"],
  ])("%j", (detail, zh, en) => {
    language.value = "zh";
    expect(faultWords(fault(detail))).toBe(zh);
    language.value = "en";
    expect(faultWords(fault(detail))).toBe(en);
  });

  it("of a code that this page does not know is the gateway's English", () => {
    expect(faultWords(fault({ code: "of-tomorrow" }))).toBe("as the gateway says it");
  });

  it("has words for every code of the gateway", () => {
    const source = readFileSync(resolve(import.meta.dirname, "../../../gateway/command/src/import/detail.rs"), "utf8");
    const of = (name: string) => {
      const body = source.split(`pub enum ${name} {`)[1]?.split("\n}")[0] ?? "";
      return [...body.matchAll(/^ {4}([A-Z]\w+)/gm)].map((match) =>
        (match[1] ?? "").replace(/(?<!^)([A-Z])/g, "-$1").toLowerCase(),
      );
    };
    expect(of("Detail").length).toBeGreaterThan(20);
    for (const code of of("Detail")) expect(tCode("fd", code), code).not.toBeNull();
    expect(of("Expected").length).toBeGreaterThan(8);
    for (const code of of("Expected")) expect(tCode("expected", code), code).not.toBeNull();
  });
});
