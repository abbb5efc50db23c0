/** Fields and their values in words. */
import { tree } from "../api/store";
import type { Zone } from "../domain/camera";
import type { RegionCode } from "../domain/ids";
import type { Place } from "../domain/region";
import { t, tCode } from "../i18n/t";
import { regionName } from "../i18n/words";

export const fieldName = (field: string): string => tCode("rf", field) ?? field;

export function valueWords(field: string, value: unknown): string {
  if (value === null || value === undefined || value === "") return "—";
  if (typeof value === "boolean") return value ? t("reg.yes") : t("reg.no");
  if (field === "region") {
    const region = tree.value.regions.get(value as RegionCode);
    return region ? `${regionName(region)} (${region.code})` : String(value);
  }
  if (field === "site_class") return tCode("siteClass", String(value)) ?? String(value);
  if (field === "form") return tCode("form", String(value)) ?? String(value);
  if (field === "place") {
    const place = value as Place;
    return `${place.lon.toFixed(6)}, ${place.lat.toFixed(6)}`;
  }
  if (field === "zones") return (value as Zone[]).map((zone) => zone.name).join(" / ");
  if (Array.isArray(value)) return value.join(" / ");
  return String(value);
}
