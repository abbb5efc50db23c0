/** Rates over time as a small drawing: one line a rate, a table of the same for those who cannot see it. */
import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../i18n/t";
import type { Line, RateName } from "./api";
import { percentOf } from "./range";

/** In units of the drawing's text, which is as large as the page's: a narrow drawing has fewer of them. */
const USUAL_WIDTH = 900;
const LEAST_WIDTH = 300;
const HEIGHT = 180;
const LEFT = 52;
const RIGHT = 12;
const TOP = 10;
const BOTTOM = 24;

/** The lowest share that is drawn: just below what there is, so that the difference of 97 and 99 % is seen. */
export function floorOf(shares: readonly number[]): number {
  const least = Math.min(1, ...shares);
  return Math.max(0, Math.floor((least - 0.005) * 50) / 50);
}

export function Trend({
  lines,
  rates,
  target,
}: {
  lines: readonly Line[];
  rates: readonly RateName[];
  target: number;
}) {
  const shares = lines.flatMap((line) =>
    rates.map((name) => line.rates[name].share).filter((share): share is number => share !== null),
  );
  const isDrawn = lines.length > 1 && shares.length > 0;
  const figure = useRef<HTMLElement>(null);
  const [width, setWidth] = useState(USUAL_WIDTH);
  useEffect(() => {
    const element = figure.current?.firstElementChild;
    if (!element) return;
    const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
    const measure = new ResizeObserver(() => setWidth(Math.max(LEAST_WIDTH, Math.round(element.clientWidth / rem))));
    measure.observe(element);
    return () => measure.disconnect();
  }, [isDrawn]);
  if (!isDrawn) return null;
  const floor = floorOf([...shares, target]);
  const x = (i: number) => LEFT + (i / (lines.length - 1)) * (width - LEFT - RIGHT);
  const y = (share: number) => TOP + ((1 - share) / (1 - floor)) * (HEIGHT - TOP - BOTTOM);
  const path = (name: RateName) => {
    let text = "";
    let open = false;
    lines.forEach((line, i) => {
      const share = line.rates[name].share;
      if (share !== null) text += `${open ? "L" : "M"}${x(i).toFixed(1)} ${y(share).toFixed(1)}`;
      open = share !== null;
    });
    return text;
  };
  const marks = [0, Math.floor((lines.length - 1) / 2), lines.length - 1];
  return (
    <figure class="trend" ref={figure}>
      <svg viewBox={`0 0 ${width} ${HEIGHT}`} role="img" aria-label={t("supervision.trend")}>
        {[floor, (1 + floor) / 2, 1].map((share) => (
          <g key={share}>
            <line class="grid" x1={LEFT} x2={width - RIGHT} y1={y(share)} y2={y(share)} />
            <text class="axis" x={LEFT - 6} y={y(share) + 4} text-anchor="end">
              {`${Math.round(share * 1000) / 10} %`}
            </text>
          </g>
        ))}
        <line class="target" x1={LEFT} x2={width - RIGHT} y1={y(target)} y2={y(target)} />
        {rates.map((name) => (
          <path key={name} class={`curve ${name}`} d={path(name)} />
        ))}
        {rates.map((name) =>
          lines.map((line, i) => {
            const share = line.rates[name].share;
            return share === null ? null : (
              <circle
                key={`${name}${line.period}`}
                class={`dot ${name}`}
                cx={x(i)}
                cy={y(share)}
                r={lines.length > 60 ? 1 : 3}
              >
                <title>{`${line.period} ${t(`rate.${name}`)} ${percentOf(share)}`}</title>
              </circle>
            );
          }),
        )}
        {marks.map((i) => (
          <text
            key={i}
            class="axis"
            x={x(i)}
            y={HEIGHT - 6}
            text-anchor={i === 0 ? "start" : i === lines.length - 1 ? "end" : "middle"}
          >
            {lines[i]?.period}
          </text>
        ))}
      </svg>
      <figcaption>
        {rates.map((name) => (
          <span key={name} class={`key ${name}`}>
            <i aria-hidden="true" />
            {t(`rate.${name}`)}
          </span>
        ))}
        <span class="key target">
          <i aria-hidden="true" />
          {t("supervision.target")}
        </span>
      </figcaption>
    </figure>
  );
}
