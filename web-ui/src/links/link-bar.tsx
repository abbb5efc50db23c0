/** What is used (filled) and given out (outlined) of a link's budget (the bar; its end is marked where more is used). */
import "./link-bar.css";
import type { Link } from "../domain/link";
import { t } from "../i18n/t";
import { rate } from "../i18n/words";
import { bar, stateOf } from "./order";

export function LinkBar({ link, tall = false }: { link: Link; tall?: boolean }) {
  const share = bar(link);
  const percent = (part: number) => `${Math.round(part * 1000) / 10}%`;
  return (
    <span
      class={`link-bar is-${stateOf(link)} ${tall ? "tall" : ""}`}
      role="img"
      aria-label={t("links.barLabel", {
        used: rate(link.measured_bps),
        reserved: rate(link.reserved_bps),
        budget: rate(link.budget_bps),
      })}
    >
      <i class="reserved" style={{ width: percent(share.reserved) }} />
      <i class="used" style={{ width: percent(share.used) }} />
      {share.limit < 1 && <i class="limit" style={{ left: percent(share.limit) }} />}
    </span>
  );
}
