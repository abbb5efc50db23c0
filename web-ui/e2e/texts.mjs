// The page's texts of both languages, read from their files; and which of what a page says is in the wrong one.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const DIR = join(import.meta.dirname, "../src/i18n/texts");
const CJK = /[\u3400-\u9fff]/;
/** Said in Latin letters by everybody, in Chinese too. */
const SAME =
  /^(admin|administrator|sightline|webtransport|websocket|webcodecs|onvif|rtsp|h\.?26[45]|tcp|udp|quic|sub|main|cgcs2000|cgcs|gcj|wgs|mjpeg|camsim)$/i;

/** Every text that differs, as `[zh, en]`. */
export function texts() {
  const all = [];
  for (const file of readdirSync(DIR)) {
    const source = readFileSync(join(DIR, file), "utf8");
    const body = /export const [A-Z]+ = (\{[\s\S]*\}) as const satisfies Texts;/.exec(source)?.[1];
    if (body) all.push(...Object.values(new Function(`return ${body}`)()));
  }
  if (all.length < 1000) throw new Error(`${all.length} texts found`);
  return all.filter(([zh, en]) => zh !== en);
}

/** A text with its placeholders as a pattern; `null` where too little of it is fixed to know it by. */
function patternOf(text, least) {
  const fixed = text.split(/\{\w+\}/);
  if (!fixed.some((part) => part.trim().length >= least)) return null;
  return new RegExp(`^${fixed.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join(".+")}$`);
}

/** Judges what a page in `language` says. */
export function judge(language) {
  const other = texts().map(([zh, en]) => (language === "zh" ? en : zh));
  const fixed = new Set(other.filter((text) => !text.includes("{")));
  const patterns = other
    .filter((text) => text.includes("{"))
    .map((text) => patternOf(text, language === "zh" ? 5 : 2))
    .filter((one) => one !== null && (language === "zh" || CJK.test(one.source)));
  return (said) =>
    said.filter((text) => {
      if (language === "en") return CJK.test(text) && (fixed.has(text) || patterns.some((one) => one.test(text)));
      if (CJK.test(text)) return false;
      const long = text.split(/[^A-Za-z.']+/).filter((word) => /^[A-Za-z]{3,}/.test(word) && !SAME.test(word));
      if (long.length === 0) return false;
      return fixed.has(text) || patterns.some((one) => one.test(text)) || /[a-z]{3,} [a-z]{2,} [a-z]{2,}/.test(text);
    });
}
