/** The timeline's picture: axis, lanes, events, holds, the marked range, the cursor. Told everything, keeps nothing. */
import type { Hold } from "../domain/evidence";
import { t, tCode } from "../i18n/t";
import { clock, day, monthDay } from "../i18n/words";
import type { Happening, Part } from "./timeline-data";
import { type Group, groupOf } from "./timeline-look";
import { browserZone, ticks, type Window, xAt } from "./timeline-math";

export interface LaneScene {
  readonly name: string;
  readonly parts: readonly Part[];
  readonly happenings: readonly Happening[];
  readonly holds: readonly Hold[];
}
export interface Scene {
  readonly lanes: readonly LaneScene[];
  readonly view: Window;
  readonly cursor: number | null;
  readonly now: number;
  readonly selection: Window | null;
  readonly hover: { readonly time: number; readonly lane: number } | null;
  readonly rem: number;
}

export const AXIS = 30;
/** With many lanes the picture needs the room more: they become narrower. */
interface Sizes {
  readonly hold: number;
  readonly bar: number;
  readonly marks: number;
  readonly gap: number;
}
export const sizesOf = (lanes: number): Sizes =>
  lanes > 4 ? { hold: 3, bar: 11, marks: 9, gap: 3 } : { hold: 5, bar: 22, marks: 16, gap: 5 };
const laneHeight = (lanes: number): number => {
  const { hold, bar, marks, gap } = sizesOf(lanes);
  return hold + bar + marks + gap;
};
/** Height of the whole, px at a root of 16. */
export const heightOf = (lanes: number): number => AXIS + Math.max(1, lanes) * laneHeight(lanes) + 2;
export const laneAt = (y: number, lanes: number): number =>
  Math.min(lanes - 1, Math.max(0, Math.floor((y - AXIS) / laneHeight(lanes))));

const RECORDED = "#5F7F9C";
const HELD = "#B58CFF";
export const GROUP_COLOUR: Readonly<Record<Group, string>> = {
  motion: "#7FA6C9",
  picture: "#FF9F40",
  line: "#B4BFCA",
  people: "#FF5A5F",
};

const inks = new Map<string, string>();
let inksOf: string | undefined;
/** Colours of the theme; asking the style for each of hundreds of strokes costs more than the strokes. */
function ink(name: string): string {
  const theme = document.documentElement.dataset.theme;
  if (theme !== inksOf) {
    inks.clear();
    inksOf = theme;
  }
  let found = inks.get(name);
  if (found === undefined) {
    found = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    inks.set(name, found);
  }
  return found;
}
const font = (px: number, weight = 400) => `${weight} ${px}px "Noto Sans CJK SC","Microsoft YaHei",system-ui`;

export function draw(canvas: HTMLCanvasElement, scene: Scene): void {
  const ratio = devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext("2d");
  if (!context) return;
  const { view, rem, lanes } = scene;
  const x = (ms: number): number => xAt(view, ms, width);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.fillStyle = ink("--s1");
  context.fillRect(0, 0, width, height);
  context.textBaseline = "middle";
  context.textAlign = "left";
  axis(context, scene, x, width, height);
  const sizes = sizesOf(lanes.length);
  lanes.forEach((lane, i) => {
    const top = (AXIS + i * laneHeight(lanes.length)) * rem;
    drawLane(context, lane, { x, top, width, rem, sizes, named: lanes.length > 1 });
  });
  const future = x(scene.now);
  if (future < width) {
    context.fillStyle = ink("--s1");
    context.globalAlpha = 0.8;
    context.fillRect(Math.max(0, future), AXIS * rem, width, height);
    context.globalAlpha = 1;
    context.fillStyle = ink("--dim");
    context.fillRect(future, AXIS * rem, 1, height);
  }
  if (scene.selection) range(context, scene.selection, x, height, rem);
  if (scene.hover && (scene.cursor === null || Math.abs(x(scene.hover.time) - x(scene.cursor)) > 40 * rem)) {
    flag(context, x(scene.hover.time), clock(scene.hover.time), height, width, rem, ink("--s3"), ink("--text"));
  }
  if (scene.cursor !== null) {
    flag(context, x(scene.cursor), clock(scene.cursor), height, width, rem, ink("--text"), ink("--s0"));
  }
}

function axis(
  context: CanvasRenderingContext2D,
  scene: Scene,
  x: (ms: number) => number,
  width: number,
  height: number,
): void {
  const { view, rem } = scene;
  const { step, at, between, midnights } = ticks(view, width, 92 * rem, browserZone);
  const middle = (AXIS / 2) * rem;
  context.fillStyle = ink("--line");
  for (const time of between) context.fillRect(Math.round(x(time)), (AXIS - 6) * rem, 1, 6 * rem);
  const dates = new Set(midnights);
  // Close up there may be no midnight in view: the day stands at the left.
  const [first] = midnights;
  const today = first === undefined || x(first) > 110 * rem ? day(view.from) : "";
  context.font = font(12 * rem, 600);
  const todayRoom = today ? context.measureText(today).width + 16 * rem : 0;
  context.font = font(12 * rem);
  for (const time of at) {
    context.fillStyle = ink("--line");
    context.fillRect(Math.round(x(time)), (AXIS - 12) * rem, 1, height);
    if (dates.has(time)) continue;
    const words = step < 60_000 ? clock(time) : clock(time).slice(0, 5);
    const left = x(time) + 4 * rem;
    // A time that is cut in half is another time.
    if (left < todayRoom || left + context.measureText(words).width > width) continue;
    context.fillStyle = ink("--dim");
    context.fillText(words, left, middle);
  }
  // Midnights stand out at every zoom: through all lanes, with the date.
  context.font = font(12 * rem, 600);
  let free = Number.NEGATIVE_INFINITY;
  for (const time of midnights) {
    const left = Math.round(x(time));
    context.fillStyle = ink("--dim");
    context.globalAlpha = midnights.length > 10 ? 0.35 : 0.8;
    context.fillRect(left, 0, Math.max(1, rem), height);
    context.globalAlpha = 1;
    const words = monthDay(time);
    if (left < free || (step > 86_400_000 && !at.includes(time))) continue;
    const room = context.measureText(words).width + 8 * rem;
    if (left + room > width) continue;
    context.fillStyle = ink("--s1");
    context.fillRect(left + rem, 2 * rem, room, (AXIS - 4) * rem);
    context.fillStyle = ink("--text");
    context.fillText(words, left + 5 * rem, middle);
    free = left + room + 4 * rem;
  }
  if (today) {
    context.fillStyle = ink("--s2");
    context.fillRect(0, 0, todayRoom, (AXIS - 4) * rem);
    context.fillStyle = ink("--text");
    context.fillText(today, 8 * rem, middle - 2 * rem);
  }
}

interface Frame {
  readonly x: (ms: number) => number;
  readonly top: number;
  readonly width: number;
  readonly rem: number;
  readonly sizes: Sizes;
  readonly named: boolean;
}

function drawLane(context: CanvasRenderingContext2D, lane: LaneScene, frame: Frame): void {
  const { x, top, width, rem, sizes } = frame;
  const barTop = top + sizes.hold * rem;
  const bar = sizes.bar * rem;
  context.fillStyle = ink("--s0");
  context.fillRect(0, barTop, width, bar);
  // Words of gaps keep clear of the lane's name.
  context.font = font(12 * rem, 600);
  const free = frame.named ? Math.min(width / 3, context.measureText(lane.name).width) + 16 * rem : 0;
  for (const part of lane.parts) {
    const clip = (from: number, to: number): [number, number] => [
      Math.max(0, x(Math.max(from, part.from))),
      Math.min(width, x(Math.min(to, part.to))),
    ];
    for (const hole of part.content.holes) {
      const [from, to] = clip(hole.from, hole.to);
      if (to < from) continue;
      hatch(context, from, Math.max(to, from + 1.5), barTop, bar, x(hole.from), ink("--dim"), 0.5);
      const words = tCode("reason", hole.reason?.code ?? "unknown") ?? hole.reason?.text ?? "";
      label(context, words, Math.max(from, free), to, barTop, bar, rem);
    }
    for (const one of part.content.stretches) {
      const [from, to] = clip(one.from, one.to);
      if (to < from) continue;
      const wide = Math.max(1, to - from);
      if (one.unavailable) {
        hatch(context, from, from + wide, barTop, bar, x(one.from), ink("--warn"), 0.9);
        label(context, t("timeline.unavailable"), Math.max(from, free), to, barTop, bar, rem);
        continue;
      }
      context.fillStyle = RECORDED;
      context.fillRect(from, barTop, wide, bar);
      // What is too short to be told by itself still shows: as much of the height as is missing of the time.
      const share = one.missingMs / Math.max(1, one.to - one.from);
      if (share > 0.002) {
        const missing = Math.max(2 * rem, bar * share);
        context.fillStyle = ink("--s0");
        context.fillRect(from, barTop + bar - missing, wide, missing);
        hatch(context, from, from + wide, barTop + bar - missing, missing, x(one.from), ink("--dim"), 0.6);
      }
    }
  }
  for (const hold of lane.holds) held(context, hold, frame);
  if (frame.named) {
    context.font = font(12 * rem, 600);
    context.lineWidth = 3 * rem;
    context.strokeStyle = "#0F1720";
    context.strokeText(lane.name, 8 * rem, barTop + bar / 2, width / 3);
    context.fillStyle = "#E6EDF3";
    context.fillText(lane.name, 8 * rem, barTop + bar / 2, width / 3);
  }
  const row = barTop + bar + rem;
  for (const one of lane.happenings) mark(context, one, x, row, sizes.marks * rem, rem, width);
}

/** A hold is a rail above what it keeps, closed at its ends. */
function held(context: CanvasRenderingContext2D, hold: Hold, { x, top, width, rem, sizes }: Frame): void {
  const [from, to] = [x(Date.parse(hold.from)), x(Date.parse(hold.to))];
  if (to < 0 || from > width) return;
  const [left, right] = [Math.max(0, from), Math.min(width, Math.max(to, from + 3 * rem))];
  context.fillStyle = HELD;
  context.fillRect(left, top + rem, right - left, Math.max(2, (sizes.hold - 2) * rem));
  for (const end of [from, Math.max(to, from + 3 * rem)]) {
    if (end >= 0 && end <= width) context.fillRect(end - rem, top, 2 * rem, (sizes.hold + 3) * rem);
  }
}

function label(
  context: CanvasRenderingContext2D,
  words: string,
  from: number,
  to: number,
  top: number,
  height: number,
  rem: number,
): void {
  // Measuring words costs more than drawing: most gaps of a month are narrower than any.
  if (to - from < 40 * rem) return;
  const size = Math.min(12 * rem, height - 1);
  context.font = font(size);
  const room = context.measureText(words).width + 14 * rem;
  if (to - from < room || size < 9 * rem) return;
  const middle = (from + to) / 2;
  context.fillStyle = ink("--s0");
  context.fillRect(middle - room / 2, top + 1, room, height - 2);
  context.fillStyle = ink("--dim");
  context.textAlign = "center";
  context.fillText(words, middle, top + height / 2);
  context.textAlign = "left";
}

function hatch(
  context: CanvasRenderingContext2D,
  left: number,
  right: number,
  top: number,
  height: number,
  origin: number,
  colour: string,
  alpha: number,
): void {
  if (right <= left) return;
  if (right - left < 4) {
    // As dark as the hatching is on the whole, for a path of its own is not worth it.
    context.fillStyle = colour;
    context.globalAlpha = alpha * 0.35;
    context.fillRect(left, top, right - left, height);
    context.globalAlpha = 1;
    return;
  }
  context.save();
  context.beginPath();
  context.rect(left, top, right - left, height);
  context.clip();
  context.strokeStyle = colour;
  context.globalAlpha = alpha;
  context.lineWidth = 1;
  context.beginPath();
  // Hatching hangs on the gap's own start, so that it moves with the gap.
  const shift = ((origin % 8) + 8) % 8;
  for (let at = left - height - ((left - shift) % 8) - 8; at < right + 8; at += 8) {
    context.moveTo(at, top + height);
    context.lineTo(at + height, top);
  }
  context.stroke();
  context.restore();
}

/** Motion is a tick as high as there was much of it; what is not normal has a shape of its own, and a line as long as it lasted. */
function mark(
  context: CanvasRenderingContext2D,
  one: Happening,
  x: (ms: number) => number,
  top: number,
  height: number,
  rem: number,
  width: number,
): void {
  const [at, end] = [x(one.from), x(one.to)];
  if (end < -8 || at > width + 8) return;
  const group = groupOf(one.kind);
  context.fillStyle = GROUP_COLOUR[group];
  if (group === "motion") {
    const high = height * Math.min(1, 0.35 + Math.log2(Math.max(1, one.count)) * 0.13);
    context.fillRect(at, top + (height - high) / 2, Math.max(1.5 * rem, end - at), high);
    return;
  }
  const r = Math.min(5 * rem, height / 2);
  const y = top + height / 2;
  if (end - at > 2 * r) context.fillRect(at, y - rem * 0.75, end - at, 1.5 * rem);
  context.beginPath();
  if (group === "picture") {
    context.moveTo(at, y - r);
    context.lineTo(at + r, y);
    context.lineTo(at, y + r);
    context.lineTo(at - r, y);
  } else if (group === "people") {
    context.moveTo(at, y - r);
    context.lineTo(at + r, y + r);
    context.lineTo(at - r, y + r);
  } else context.rect(at - r * 0.8, y - r * 0.8, r * 1.6, r * 1.6);
  context.closePath();
  context.fill();
  // An edge, so that two beside each other are two.
  context.strokeStyle = ink("--s1");
  context.lineWidth = 1;
  context.stroke();
}

function range(
  context: CanvasRenderingContext2D,
  selection: Window,
  x: (ms: number) => number,
  height: number,
  rem: number,
): void {
  const [from, to] = [x(selection.from), x(selection.to)];
  context.fillStyle = "rgba(76,154,255,0.22)";
  context.fillRect(from, 0, to - from, height);
  context.fillStyle = ink("--accent");
  for (const [edge, side] of [
    [from, -1],
    [to, 1],
  ] as const) {
    context.fillRect(edge - rem, 0, 2 * rem, height);
    context.beginPath();
    context.roundRect(edge + (side < 0 ? -6 * rem : 0), height / 2 - 10 * rem, 6 * rem, 20 * rem, 2 * rem);
    context.fill();
  }
}

function flag(
  context: CanvasRenderingContext2D,
  at: number,
  words: string,
  height: number,
  width: number,
  rem: number,
  back: string,
  fore: string,
): void {
  if (at < -1 || at > width + 1) return;
  context.font = font(12 * rem, 600);
  const room = context.measureText(words).width + 12 * rem;
  const left = Math.min(width - room, Math.max(0, at - room / 2));
  context.fillStyle = back;
  context.fillRect(at - rem, 0, 2 * rem, height);
  context.beginPath();
  context.roundRect(left, 3 * rem, room, 22 * rem, 4 * rem);
  context.fill();
  context.fillStyle = fore;
  context.fillText(words, left + 6 * rem, 14 * rem);
}
