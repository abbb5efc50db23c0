/** How the map draws: shapes first, colour second. No DOM beyond the canvas that OpenLayers owns. */
import type { FeatureLike } from "ol/Feature";
import { Circle, Fill, Icon, RegularShape, Stroke, Style, Text } from "ol/style";
import type { CameraState } from "../domain/camera";
import type { Grade } from "../domain/event";
import { worst } from "../domain/tree";

export const INK = {
  land: "#16212C",
  outside: "#0F1720",
  line: "#4A6076",
  town: "#9FB0C0",
  text: "#E6EDF3",
  halo: "#0F1720",
  live: "#E6EDF3",
  idle: "#9FB0C0",
  connecting: "#FFB454",
  offline: "#8494A4",
  disabled: "#5D7185",
  accent: "#4C9AFF",
} as const;
const GRADE_INK: Record<Grade, string> = { I: "#FF5A5F", II: "#FF9F40", III: "#FFD84D", IV: "#58A6FF" };
export const FONT = '"Noto Sans CJK SC","Microsoft YaHei",system-ui';

/** Pixels on the screen grow with the root font, as every other size of the page. */
export const scale = (): number => Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;

const kept = new Map<string, Style[]>();
export function keep(key: string, make: () => Style[]): Style[] {
  let styles = kept.get(key);
  if (!styles) {
    styles = make();
    kept.set(key, styles);
  }
  return styles;
}

/** Names on the ground and under the marks of regions make room for each other: in a layer of this group, what lies higher stays. */
export const NAMES = "names";

/** `marked`: a mark stands for this region, and carries its name. */
export function sketchStyle(feature: FeatureLike, english: boolean, resolution: number, marked = false): Style[] {
  const kind = String(feature.get("kind"));
  const name = String((english && feature.get("name_en")) || feature.get("name") || "");
  const k = scale();
  if (kind === "town") {
    // Names of towns collide when the whole district is small on the screen.
    const show = resolution < 160 && !marked;
    return keep(`town/${name}/${show}/${k}`, () => [
      new Style({
        image: new RegularShape({ points: 4, radius: 3 * k, fill: new Fill({ color: INK.town }) }),
        ...(show
          ? {
              text: new Text({
                text: name,
                font: `${13 * k}px ${FONT}`,
                offsetY: 14 * k,
                fill: new Fill({ color: INK.town }),
                stroke: new Stroke({ color: INK.halo, width: 3 * k }),
              }),
            }
          : {}),
      }),
    ]);
  }
  const district = kind === "district";
  return keep(`${kind}/${name}/${k}`, () => [
    new Style({
      fill: new Fill({ color: district ? INK.land : "#121B25" }),
      stroke: new Stroke({
        color: district ? INK.line : "#2C3C4D",
        width: (district ? 2 : 1) * k,
        ...(district ? {} : { lineDash: [4 * k, 4 * k] }),
      }),
      ...(district
        ? {}
        : {
            text: new Text({
              text: name,
              font: `${13 * k}px ${FONT}`,
              fill: new Fill({ color: "#8497A9" }),
              stroke: new Stroke({ color: INK.halo, width: 3 * k }),
            }),
          }),
    }),
  ]);
}

/** Live a disc, standing by a ring, connecting a broken ring, offline a hatched square, disabled a dash. */
function shape(state: CameraState, k: number, chosen: boolean): Style[] {
  const ring = chosen
    ? [new Style({ image: new Circle({ radius: 13 * k, stroke: new Stroke({ color: INK.accent, width: 3 * k }) }) })]
    : [];
  const back = new Fill({ color: INK.outside });
  const colour = INK[state];
  if (state === "offline") {
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="32" height="32" viewBox="0 0 16 16"><path d="M2 2h12v12H2Z" fill="#0F1720"/><path d="M2 2h12v12H2ZM2 9l7-7M4.5 14 14 4.5M10 14l4-4" fill="none" stroke="#E6EDF3" stroke-width="1.5"/></svg>`;
    return [
      ...ring,
      new Style({ image: new Icon({ src: `data:image/svg+xml,${encodeURIComponent(svg)}`, scale: 0.55 * k }) }),
    ];
  }
  if (state === "disabled") {
    return [
      ...ring,
      new Style({
        image: new RegularShape({ points: 2, radius: 7 * k, stroke: new Stroke({ color: colour, width: 3 * k }) }),
      }),
    ];
  }
  const stroke = new Stroke({
    color: colour,
    width: 2.5 * k,
    ...(state === "connecting" ? { lineDash: [4 * k, 3 * k] } : {}),
  });
  return [
    ...ring,
    new Style({
      image: new Circle({ radius: 6.5 * k, fill: state === "live" ? new Fill({ color: colour }) : back, stroke }),
    }),
  ];
}

/** One camera, or a cluster that shows its worst state and its count. */
export function cameraStyle(states: readonly CameraState[], chosen: boolean): Style[] {
  const k = scale();
  const bad = worst(states);
  const only = states.length === 1;
  return keep(`camera/${bad}/${only ? 1 : states.length}/${chosen}/${k}`, () => {
    if (only) return shape(bad, k, chosen);
    const amber = bad === "connecting";
    const off = bad === "offline";
    return [
      new Style({
        image: new Circle({
          radius: (13 + Math.min(10, Math.log2(states.length) * 2)) * k,
          fill: new Fill({ color: "#28384A" }),
          stroke: new Stroke({
            color: amber ? INK.connecting : INK.live,
            width: 2.5 * k,
            ...(off ? { lineDash: [3 * k, 4 * k] } : {}),
          }),
        }),
        text: new Text({
          text: String(states.length),
          font: `600 ${14 * k}px ${FONT}`,
          fill: new Fill({ color: INK.text }),
        }),
      }),
      ...(off
        ? [
            new Style({
              image: new RegularShape({
                points: 4,
                angle: Math.PI / 4,
                radius: 6 * k,
                displacement: [13 * k, 13 * k],
                fill: new Fill({ color: INK.outside }),
                stroke: new Stroke({ color: INK.live, width: 1.5 * k }),
              }),
            }),
          ]
        : []),
    ];
  });
}

export const wedgeStyle = new Style({
  fill: new Fill({ color: "rgba(230,237,243,0.12)" }),
  stroke: new Stroke({ color: "rgba(230,237,243,0.45)", width: 1 }),
});

/** What was asked about, and a ring around each camera that was found. */
export function foundStyle(feature: FeatureLike): Style[] {
  const k = scale();
  if (feature.get("found")) {
    return keep(`found/${k}`, () => [
      new Style({ image: new Circle({ radius: 11 * k, stroke: new Stroke({ color: INK.accent, width: 2.5 * k }) }) }),
    ]);
  }
  return keep(`shape/${k}`, () => [
    new Style({
      fill: new Fill({ color: "rgba(76,154,255,0.14)" }),
      stroke: new Stroke({ color: INK.accent, width: 2 * k, lineDash: [6 * k, 4 * k] }),
      image: new RegularShape({
        points: 4,
        radius: 12 * k,
        radius2: 0,
        stroke: new Stroke({ color: INK.accent, width: 3 * k }),
      }),
    }),
  ]);
}

function gradeImage(grade: Grade, radius: number) {
  const fill = new Fill({ color: GRADE_INK[grade] });
  const stroke = new Stroke({ color: "#0F1720", width: 2 });
  switch (grade) {
    case "I":
      return new RegularShape({ points: 3, radius: radius * 1.2, fill, stroke });
    case "II":
      return new RegularShape({ points: 4, radius: radius * 1.1, fill, stroke });
    case "III":
      return new Circle({ radius: radius * 0.9, fill, stroke });
    case "IV":
      return new RegularShape({ points: 4, angle: Math.PI / 4, radius: radius * 1.15, fill, stroke });
  }
}

/** An event's pin; `pulse` 0 to 1 draws the ring that spreads once a second. */
export function eventStyle(grade: Grade, count: number, pulse: number | null): Style[] {
  const k = scale();
  const pin = keep(`event/${grade}/${count}/${k}`, () => [
    new Style({ image: gradeShift(gradeImage(grade, 9 * k), 0, 18 * k), zIndex: 5 }),
    ...(count > 1
      ? [
          new Style({
            text: new Text({
              text: String(count),
              font: `600 ${12 * k}px ${FONT}`,
              offsetX: 17 * k,
              offsetY: -20 * k,
              fill: new Fill({ color: INK.text }),
              stroke: new Stroke({ color: INK.halo, width: 4 * k }),
            }),
            zIndex: 5,
          }),
        ]
      : []),
  ]);
  if (pulse === null) return pin;
  const alpha = Math.round((1 - pulse) * 200)
    .toString(16)
    .padStart(2, "0");
  return [
    new Style({
      image: new Circle({
        radius: (8 + pulse * 16) * k,
        stroke: new Stroke({ color: `${GRADE_INK[grade]}${alpha}`, width: 3 * k }),
        displacement: [0, 18 * k],
      }),
    }),
    ...pin,
  ];
}

export function incidentStyle(grade: Grade, title: string): Style[] {
  const k = scale();
  return keep(`incident/${grade}/${title}/${k}`, () => [
    new Style({ image: gradeShift(gradeImage(grade, 13 * k), 0, -22 * k), zIndex: 6 }),
    new Style({
      text: new Text({
        text: title.length > 14 ? `${title.slice(0, 13)}…` : title,
        font: `600 ${13 * k}px ${FONT}`,
        offsetY: 44 * k,
        fill: new Fill({ color: INK.text }),
        stroke: new Stroke({ color: INK.halo, width: 4 * k }),
      }),
      zIndex: 6,
    }),
  ]);
}

function gradeShift<T extends RegularShape>(image: T, x: number, y: number): T {
  image.setDisplacement([x, y]);
  return image;
}
