/** How the map draws what is no camera, event or incident: regions, people, outlines, drawings, measures. */
import type { FeatureLike } from "ol/Feature";
import { Circle, Fill, RegularShape, Stroke, Style, Text } from "ol/style";
import type { RegionMark } from "../domain/region-marks";
import { t } from "../i18n/t";
import { FONT, INK, keep, scale } from "./layers";

const halo = (k: number) => new Stroke({ color: INK.halo, width: 3.5 * k });

/** A plate with the count, its rim by the worst state, the name beneath. */
export function regionStyle(mark: RegionMark, english: boolean): Style[] {
  const k = scale();
  const known = mark.region ? (english && mark.region.name_en) || mark.region.name : "";
  const name = mark.own && known ? t("map.own", { name: known }) : known;
  return keep(`region/${name}/${mark.total}/${mark.offline}/${mark.worst}/${k}`, () => {
    const amber = mark.worst === "connecting";
    const off = mark.offline > 0;
    const radius = (15 + Math.min(12, Math.log2(mark.total + 1) * 1.6)) * k;
    const plate = new Style({
      image: new Circle({
        radius,
        fill: new Fill({ color: "#28384A" }),
        stroke: new Stroke({
          color: amber ? INK.connecting : INK.live,
          width: 2.5 * k,
          ...(off ? { lineDash: [3 * k, 4 * k] } : {}),
        }),
        declutterMode: "none",
      }),
      zIndex: 1,
      text: new Text({
        text: String(mark.total),
        font: `600 ${14 * k}px ${FONT}`,
        fill: new Fill({ color: INK.text }),
        declutterMode: "none",
      }),
    });
    // No name upon a plate; the square around the whole disc would push its own name away.
    const core = new Style({
      image: new Circle({ radius: radius * 0.75, fill: new Fill({ color: "#28384A" }), declutterMode: "obstacle" }),
      zIndex: 1,
    });
    const words = new Style({
      text: new Text({
        text: off ? `${name} ${t("map.offlineN", { n: mark.offline })}`.trim() : name,
        font: `${13 * k}px ${FONT}`,
        offsetY: radius + 10 * k,
        fill: new Fill({ color: INK.text }),
        stroke: halo(k),
        declutterMode: "declutter",
      }),
    });
    return [core, plate, words];
  });
}

export const PERSON_INK = { fresh: "#7BD88F", stale: "#9FB0C0" } as const;

/** Somebody in the field: a disc with a dot; hollow and dashed once their place is old. */
export function personStyle(name: string, age: string, stale: boolean): Style[] {
  const k = scale();
  return keep(`person/${name}/${age}/${stale}/${k}`, () => {
    const ink = stale ? PERSON_INK.stale : PERSON_INK.fresh;
    return [
      new Style({
        image: new Circle({
          radius: 9 * k,
          fill: new Fill({ color: stale ? INK.outside : ink }),
          stroke: new Stroke({
            color: stale ? ink : INK.halo,
            width: 2.5 * k,
            ...(stale ? { lineDash: [3 * k, 3 * k] } : {}),
          }),
        }),
      }),
      new Style({ image: new Circle({ radius: 3 * k, fill: new Fill({ color: stale ? ink : INK.halo }) }) }),
      new Style({
        text: new Text({
          text: `${name} ${age}`,
          font: `600 ${13 * k}px ${FONT}`,
          offsetY: -19 * k,
          fill: new Fill({ color: INK.text }),
          stroke: halo(k),
        }),
      }),
    ];
  });
}

/** A town's or village's outline, and its name where there is room. */
export function outlineStyle(name: string, chosen: boolean, resolution: number): Style[] {
  const k = scale();
  const named = resolution < 60;
  return keep(`outline/${name}/${chosen}/${named}/${k}`, () => [
    new Style({
      fill: new Fill({ color: chosen ? "rgba(76,154,255,0.10)" : "rgba(159,176,192,0.04)" }),
      stroke: new Stroke({
        color: chosen ? INK.accent : "#9FB0C0",
        width: (chosen ? 2.5 : 1.5) * k,
        lineDash: [8 * k, 4 * k],
      }),
      ...(named
        ? {
            text: new Text({
              text: name,
              font: `${12 * k}px ${FONT}`,
              fill: new Fill({ color: "#C3CFDA" }),
              stroke: halo(k),
              overflow: true,
            }),
          }
        : {}),
    }),
  ]);
}

/** The district's border over tiles, which have colours of their own. */
export function borderStyle(feature: FeatureLike): Style[] {
  if (feature.get("kind") !== "district") return [];
  const k = scale();
  return keep(`border/${k}`, () => [
    new Style({ stroke: new Stroke({ color: "rgba(15,23,32,0.75)", width: 5 * k }) }),
    new Style({ stroke: new Stroke({ color: INK.accent, width: 2 * k }) }),
  ]);
}

const DRAWN = "#FF8AD8";

/** What somebody drew for an incident, or is drawing, or has measured: one colour that nothing else has. */
export function drawnStyle(feature: FeatureLike): Style[] {
  const k = scale();
  const words = String(feature.get("words") ?? "");
  const kind = String(feature.get("kind") ?? "line");
  const draft = Boolean(feature.get("draft"));
  const label = (offsetY: number) =>
    new Text({
      text: words,
      font: `600 ${14 * k}px ${FONT}`,
      offsetY,
      fill: new Fill({ color: INK.text }),
      stroke: new Stroke({ color: INK.halo, width: 4 * k }),
      overflow: true,
    });
  return keep(`drawn/${kind}/${words}/${draft}/${k}`, () => {
    if (kind === "text") return [new Style({ text: label(0), zIndex: 3 })];
    if (kind === "corner") {
      const image = new Circle({
        radius: 4.5 * k,
        fill: new Fill({ color: INK.halo }),
        stroke: new Stroke({ color: DRAWN, width: 2 * k }),
      });
      return [new Style({ image, zIndex: 2 })];
    }
    if (kind === "point") {
      const image = new RegularShape({
        points: 4,
        radius: 9 * k,
        angle: Math.PI / 4,
        fill: new Fill({ color: DRAWN }),
        stroke: new Stroke({ color: INK.halo, width: 2 * k }),
      });
      return [new Style({ image, ...(words ? { text: label(-18 * k) } : {}), zIndex: 3 })];
    }
    const stroke = new Stroke({ color: DRAWN, width: 3 * k, ...(draft ? { lineDash: [8 * k, 5 * k] } : {}) });
    return [
      new Style({ stroke: new Stroke({ color: "rgba(15,23,32,0.7)", width: 5.5 * k }) }),
      new Style({
        ...(kind === "area" ? { fill: new Fill({ color: "rgba(255,138,216,0.16)" }) } : {}),
        stroke,
        ...(words ? { text: label(0) } : {}),
      }),
    ];
  });
}
