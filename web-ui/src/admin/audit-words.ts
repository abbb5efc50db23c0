/**
 * What the gateway notes with an entry of the audit log, in the reader's language and by the reader's clock. The log is kept as it
 * was written, in English and for years, so it is told by its shape. What has none here stands as it is. Pure.
 */
import type { MessageKey } from "../i18n/messages";
import { t, tCode } from "../i18n/t";
import { bytes, dayClock, percentWords } from "../i18n/words";

/** How a camera's code is told; `undefined`: by the code. */
export type NameOf = (code: string) => string | undefined;

/** What stands in a place of a shape: what it looks like, and its words. */
interface Place {
  readonly looks: string;
  readonly words: (text: string, nameOf: NameOf) => string;
}

const coded = (...prefixes: readonly string[]): Place => ({
  looks: "[A-Za-z-]+",
  words: (text) => prefixes.map((prefix) => tCode(prefix, text)).find((words) => words !== null) ?? text,
});
const PLACES = {
  n: { looks: "\\d+", words: (text) => text },
  number: { looks: "[\\d.]+", words: (text) => text },
  text: { looks: ".+?", words: (text) => text },
  sum: { looks: "[0-9a-f]{64}", words: (text) => `${text.slice(0, 12)}…` },
  day: { looks: "\\d{4}-\\d\\d-\\d\\d", words: (text) => text },
  time: { looks: "\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z", words: (text) => dayClock(Date.parse(text)) },
  bytes: { looks: "\\d+", words: (text) => bytes(Number(text)) },
  size: { looks: "[\\d.]+ [KMGT]?i?B", words: (text) => text },
  rate: { looks: "[\\d.]+ [kMG]?bit/s", words: (text) => text },
  cameras: {
    looks: "\\d{20}(?:,? \\d{20})*",
    words: (text, nameOf) => text.replace(/\d{20}/g, (code) => nameOf(code) ?? code),
  },
  stream: { looks: "main|sub", words: (text) => t(`audit.d.${text as "main" | "sub"}`) },
  grade: coded("grade"),
  state: coded("incident.state"),
  step: coded("task.step"),
  role: coded("role"),
  reason: coded("reason"),
  event: coded("event"),
  by: { looks: "[a-z]+", words: (text) => tCode("supervision.by", text) ?? t("supervision.all") },
  period: coded("supervision.period"),
  share: { looks: "[\\d.]+", words: (text) => percentWords(Number(text)) },
} as const satisfies Record<string, Place>;

/** `{name:place}`; the name is that of the text's value. The first that fits is taken, so the narrower stand first. */
const SHAPES: readonly (readonly [shape: string, text: MessageKey, action?: string])[] = [
  ["{name:stream}", "audit.d.stream"],
  ["{got:stream} for {name:stream}", "audit.d.streamFor"],
  ["{name:stream}: {reason:reason}", "audit.d.streamFailed"],
  ["{name:stream} {from:time} to {to:time}, {n:n} segments, {size:size}", "audit.d.deleted"],
  ["{n:n} sweeps deleted what is not listed here", "audit.d.deletedUnlisted"],
  ["around {at:time}", "audit.d.around"],
  ["opened", "audit.d.opened"],
  ["closed, nothing was sent", "note.playedNothing"],
  ["{from:time} to {to:time}", "audit.d.range"],
  ["{from:time} to {to:time}, as HLS", "audit.d.rangeHls"],
  ["{from:time} to {to:time}, {n:n} cameras", "audit.d.rangeCameras"],
  ["{from:time} to {to:time}, placed by {who:text}", "audit.d.rangePlaced"],
  ["{from:day} to {to:day}, by {by:by}, a line a {period:period}", "audit.d.paper"],
  ["{cameras:cameras} {from:time} to {to:time}", "audit.d.held"],
  ["{cameras:cameras} {from:time} to {to:time}, until {until:time}", "audit.d.heldUntil"],
  ["{cameras:cameras} {from:time} to {to:time}, for {n:n} days", "audit.d.heldDays"],
  ["until {until:time}", "audit.d.until"],
  ["without an end", "audit.d.endless"],
  ["{now:size} instead of {was:size}", "audit.d.freeTarget"],
  ["{now:size} instead of {was:size} (the configuration's)", "audit.d.freeTargetBack"],
  ["{size:bytes} bytes, manifest {sum:sum}", "audit.d.package"],
  ["{size:bytes} bytes, SHA-256 {sum:sum}", "audit.d.photo"],
  ["{id:text}, {size:bytes} bytes", "audit.d.attachment"],
  ["{n:n} cameras", "audit.d.cameras"],
  ["{n:n} cameras: {fields:text}", "audit.d.camerasFields"],
  ["{name:text}: {n:n} cameras", "audit.d.group"],
  ["{added:n} added, {changed:n} changed", "audit.d.imported"],
  ["revision {n:n}", "audit.d.revision"],
  ["to {region:n}", "audit.d.toRegion"],
  ["{points:n} corners, {area:number} km2", "audit.d.outline"],
  ["{rate:rate}, share {share:share}", "audit.d.link"],
  ["{role:role} of {region:n}", "audit.d.account"],
  ["{role:role} of {region:n}, new password", "audit.d.accountPassword"],
  ["{role:role}", "audit.d.role", "user-added"],
  ["too many attempts", "audit.d.tooMany"],
  ["wrong user or password", "audit.d.wrongPassword"],
  ["guest {n:n}", "audit.d.guest"],
  ["link {n:n}", "audit.d.wallLink"],
  ["{name:text} until {until:time}", "audit.d.nameUntil"],
  ["{from:state} to {to:state}", "audit.d.change", "incident-moved"],
  ["{from:grade} to {to:grade}", "audit.d.change", "incident-graded"],
  ["report {n:n}", "audit.d.report"],
  ["drawing {n:n}", "audit.d.drawing"],
  ["task {n:n}: {step:step}", "audit.d.task"],
  ["{title:text} to {owner:text}", "audit.d.taskGiven", "task-given"],
  ["{kind:event}: {text:text}", "audit.d.event", "event-told"],
  ["screen {n:n}: removed", "audit.d.screenRemoved"],
  ["screen {n:n}: {cameras:cameras}", "audit.d.screen"],
  ["screen {n:n}: {cameras:cameras}, tour of {tour:n}", "audit.d.screenTour"],
  ["{n:n} screens", "audit.d.screens"],
  ["{cameras:cameras}", "audit.d.onlyCameras"],
  ["kept", "audit.d.kept"],
  ["changed, {name:text} before", "audit.d.renamed"],
  ["removed", "audit.d.removed"],
  ["on", "audit.d.on"],
  ["off", "audit.d.off"],
  ["{n:n} times", "audit.d.times"],
  ["{n:n} events", "audit.d.events"],
];

const PLACE = /\{(\w+):(\w+)\}/g;
const compile = (shape: string): RegExp => {
  const parts = shape.split(PLACE);
  // Literal, name, place, literal, ...
  const source = parts.map((part, at) => {
    if (at % 3 === 0) return part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    return at % 3 === 1 ? `(?<${part}>` : `${PLACES[part as keyof typeof PLACES].looks})`;
  });
  return new RegExp(`^${source.join("")}$`, "s");
};
const COMPILED = SHAPES.map(([shape, text, action]) => ({
  text,
  action,
  places: [...shape.matchAll(PLACE)].map(([, name = "", place = ""]) => [name, place as keyof typeof PLACES] as const),
  looks: compile(shape),
}));

/** Spans of what was played back: each is a range. */
const PLAYED = "closed, sent ";

/** Exported for the test that holds them against the gateway's own words. */
export const SKELETONS: ReadonlySet<string> = new Set(SHAPES.map(([shape]) => shape.replace(PLACE, "{}")));

export function detailWords(action: string, detail: string, nameOf: NameOf): string {
  if (detail.startsWith(PLAYED)) {
    const spans = detail.slice(PLAYED.length).split(", ");
    return t("note.played", { n: spans.map((span) => detailWords(action, span, nameOf)).join("; ") });
  }
  for (const one of COMPILED) {
    if (one.action && one.action !== action) continue;
    const found = one.looks.exec(detail);
    if (!found) continue;
    const values = one.places.map(([name, place]) => [name, PLACES[place].words(found.groups?.[name] ?? "", nameOf)]);
    // The shape and its text have the same names: a test holds them against each other.
    return (t as (key: MessageKey, values: Record<string, string>) => string)(one.text, Object.fromEntries(values));
  }
  return detail;
}
