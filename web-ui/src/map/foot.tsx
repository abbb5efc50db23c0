/** Whose map it is, and what of it cannot be had. */
import { t, tCode } from "../i18n/t";
import type { GroundState } from "./ground";
import { sourceName } from "./layer-panel";
import type { MapSource } from "./sources";

export function Foot(props: {
  /** The sketch's own approval number. */
  approval: string;
  source: MapSource | null;
  ground: GroundState | null;
  placeless: number;
  filtered: boolean;
}) {
  const { source, ground } = props;
  const approval = source ? source.approval : props.approval;
  const broken = source && ground && ground.failed > 0 ? ground : null;
  const empty = source && ground && !broken && ground.none > 0 && ground.loaded === 0;
  return (
    <div class="map-foot">
      <strong>{source ? sourceName(source) : t("map.sketch")}</strong>
      {source?.attribution && <span>© {source.attribution}</span>}
      <span>
        {approval ? t("map.approval", { number: approval }) : t(source ? "map.noApprovalTiles" : "map.noApproval")}
      </span>
      {props.placeless > 0 && <span>{t("map.noPlace", { n: props.placeless })}</span>}
      {props.filtered && <span>{t("map.filtered")}</span>}
      {(broken || empty) && (
        <span class="bad" role="status">
          {broken
            ? t(broken.loaded > 0 ? "map.ground.some" : "map.ground.none", {
                why: tCode("map.fault", broken.fault?.code ?? "broken-off") ?? broken.fault?.text ?? "",
              })
            : t("map.ground.outside")}
        </span>
      )}
    </div>
  );
}
