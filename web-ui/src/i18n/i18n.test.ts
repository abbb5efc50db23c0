import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { ACTIONS } from "../admin/audit-log";
import { CAMERA_STATES } from "../domain/camera";
import { EVENT_KINDS, GRADES } from "../domain/event";
import { INCIDENT_KINDS } from "../incident/incident-form";
import "./later";
import { MESSAGES } from "./messages";
import { language, pickLanguage, t, tCode } from "./t";
import { bytes, delayWords, duration, rate } from "./words";

const source = resolve(import.meta.dirname, "..");
const entries = Object.entries(MESSAGES);
const names = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();

function files(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory()
      ? files(join(dir, entry.name))
      : /\.tsx?$/.test(entry.name) && !entry.name.includes(".test.")
        ? [join(dir, entry.name)]
        : [],
  );
}

describe("both languages", () => {
  it("every text is there in both, with the same placeholders", () => {
    for (const [key, [zh, en]] of entries) {
      expect(zh.trim(), key).not.toBe("");
      expect(en.trim(), key).not.toBe("");
      expect(names(zh), key).toEqual(names(en));
    }
  });
  it("no key stands in two areas: the later one would take the earlier one's place", () => {
    const dir = join(source, "i18n/texts");
    const all = readdirSync(dir).flatMap((file) =>
      [...readFileSync(join(dir, file), "utf8").matchAll(/^ {2}"([^"]+)":/gm)].map((match) => match[1]),
    );
    expect(all.length).toBeGreaterThan(entries.length - 1);
    expect(all.filter((key, i) => all.indexOf(key) !== i)).toEqual([]);
  });
  it("Chinese is Chinese and English is not", () => {
    const exempt = new Set(["top.language", "app.name"]);
    for (const [key, [zh, en]] of entries) {
      if (exempt.has(key)) continue;
      expect(/[\u4e00-\u9fff]/.test(en), `${key}: ${en}`).toBe(false);
      const words = en.replace(/\{\w+\}/g, "");
      if (/[a-zA-Z]{4,}/.test(words) && !en.includes("→"))
        expect(/[\u4e00-\u9fff]/.test(zh), `${key}: ${zh}`).toBe(true);
    }
  });
  it("no view holds Chinese of its own", () => {
    for (const file of files(source)) {
      if (file.includes("/i18n/texts/")) continue;
      const text = readFileSync(file, "utf8").replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
      expect(/[\u4e00-\u9fff]/.test(text), file).toBe(false);
    }
  });
});

describe("codes from the gateway have words", () => {
  it("every reason of docs/reference/reasons.md", () => {
    const page = readFileSync(resolve(source, "../../docs/reference/reasons.md"), "utf8");
    const rows = page.split("\n").filter((line) => line.startsWith("| `"));
    const codes = rows.flatMap((row) =>
      [...(row.split("|")[1] ?? "").matchAll(/`([a-z-]+)`/g)].map((match) => match[1] ?? ""),
    );
    expect(codes.length).toBeGreaterThan(20);
    for (const code of codes) expect(tCode("reason", code), code).not.toBeNull();
  });
  it("kinds, grades and states", () => {
    for (const kind of EVENT_KINDS) expect(tCode("event", kind)).not.toBeNull();
    for (const grade of GRADES) expect(tCode("grade", grade)).not.toBeNull();
    for (const state of CAMERA_STATES) expect(tCode("state", state)).not.toBeNull();
    for (const kind of INCIDENT_KINDS) expect(tCode("incident.kind", kind)).not.toBeNull();
  });
  it("every action that the gateway writes into its audit log", () => {
    for (const action of ACTIONS) expect(tCode("audit", action), action).not.toBeNull();
  });
  it("an unknown code is no crash", () => expect(tCode("reason", "of-tomorrow")).toBeNull());
});

describe("t", () => {
  afterEach(() => {
    language.value = "zh";
  });
  it("fills placeholders in the chosen language", () => {
    language.value = "en";
    expect(t("tile.delay", { ms: 180 })).toBe("Delay 180 ms");
    language.value = "zh";
    expect(t("tile.delay", { ms: 180 })).toBe("延迟 180 毫秒");
  });
  it("starts with what was stored, then with the browser's, then with Chinese", () => {
    expect(pickLanguage("en", "zh-CN")).toBe("en");
    expect(pickLanguage(null, "en-GB")).toBe("en");
    expect(pickLanguage("fr", "zh-TW")).toBe("zh");
    expect(pickLanguage(null, undefined)).toBe("zh");
  });
  it("words for figures", () => {
    language.value = "en";
    expect(rate(512_000)).toBe("512 kbit/s");
    expect(rate(2_000_000)).toBe("2.0 Mbit/s");
    expect(bytes(0)).toBe("0 B");
    expect(bytes(5 * 1024 ** 3)).toBe("5.0 GiB");
    expect(duration(3700)).toBe("1:01:40");
    expect(delayWords(null)).toBe("Delay —");
    expect(delayWords(12_300)).toBe("Delay 12 s");
  });
});
