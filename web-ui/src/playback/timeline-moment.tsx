/** What was at a moment of a lane: in words, and as a picture where there is one. */
import { useEffect, useState } from "preact/hooks";
import { thumbnailUrl } from "../api/archive";
import { toRfc3339 } from "../domain/ids";
import { t } from "../i18n/t";
import { clock, dayClock, eventWords, lengthWords, percentWords, reasonWords, shortTime } from "../i18n/words";
import { holdBy, holdReason } from "../recordings/hold-words";
import { Icon } from "../ui/icon";
import type { Lane } from "./timeline";
import { here, near } from "./timeline-look";
import type { Window } from "./timeline-math";

/** Lines about a moment, the most telling first. */
export function linesOf(lane: Omit<Lane, "code">, time: number, view: Window): readonly string[] {
  const lines: string[] = [];
  const found = here(lane.parts, time);
  if (found.kind === "hole") {
    const { hole } = found;
    const words = reasonWords(hole.reason) || t("reason.unknown");
    lines.push(t("timeline.gap", { reason: words }));
    if (hole.to > hole.from) {
      lines.push(`${dayClock(hole.from)} – ${clock(hole.to)} (${lengthWords(hole.to - hole.from)})`);
    }
  } else if (found.kind === "recorded") {
    const { stretch } = found;
    if (stretch.unavailable) lines.push(t("timeline.unavailableWhy", { reason: reasonWords(stretch.unavailable) }));
    else lines.push(t("timeline.recorded"));
    const missing = stretch.missingMs / Math.max(1, stretch.to - stretch.from);
    if (missing > 0.002) lines.push(t("timeline.missing", { share: percentWords(missing) }));
  } else lines.push(t("timeline.unknown"));
  for (const one of near(lane.happenings, time, (view.to - view.from) / 250).slice(0, 3)) {
    lines.push(one.count > 1 ? `${eventWords(one.kind)} ×${one.count}` : `${eventWords(one.kind)} ${clock(one.from)}`);
  }
  for (const hold of lane.holds) {
    if (time < Date.parse(hold.from) || time >= Date.parse(hold.to)) continue;
    const until = hold.until ? t("hold.until", { time: shortTime(hold.until) }) : t("hold.forever");
    lines.push(`${t(`hold.kind.${hold.kind}`)}: ${holdReason(hold.reason)} (${holdBy(hold.by)}, ${until})`);
  }
  return lines;
}

export function MomentCard({
  lane,
  time,
  view,
  left,
  bottom,
}: {
  lane: Lane;
  time: number;
  view: Window;
  left: number;
  bottom: number;
}) {
  const found = here(lane.parts, time);
  const pictured = found.kind === "recorded" && !found.stretch.unavailable;
  const [state, setState] = useState<"asked" | "there" | "none">("asked");
  const [width, setWidth] = useState(0);
  useEffect(() => setWidth(15 * Number.parseFloat(getComputedStyle(document.documentElement).fontSize)), []);
  const at = Math.min(Math.max(4, left - width / 2), innerWidth - width - 4);
  return (
    <figure class="moment-card" style={{ left: `${at}px`, bottom: `${bottom}px` }} aria-hidden="true">
      {pictured && state !== "none" && (
        <div class="moment-picture">
          <img
            src={thumbnailUrl(lane.code, toRfc3339(time), 320)}
            alt=""
            hidden={state !== "there"}
            onLoad={() => setState("there")}
            onError={() => setState("none")}
          />
        </div>
      )}
      <figcaption>
        <strong>{dayClock(time)}</strong>
        <span class="clip dim">{lane.name}</span>
        {linesOf(lane, time, view).map((line, i) => (
          <span key={line} class={i === 0 && found.kind === "hole" ? "gap-line" : ""}>
            {i === 0 && found.kind === "hole" && <Icon name="info" size={0.875} />}
            {line}
          </span>
        ))}
      </figcaption>
    </figure>
  );
}
