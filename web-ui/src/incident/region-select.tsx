import { regions } from "../api/store";
import type { RegionCode } from "../domain/ids";
import { regionName } from "../i18n/words";
import { Field } from "../ui/widgets";

/** A region by its name, those below set in. */
export function RegionSelect(props: { label: string; value: RegionCode; onPick: (region: RegionCode) => void }) {
  const depth = { province: 0, city: 0, district: 0, town: 1, village: 2 } as const;
  const all = [...regions.value].sort((a, b) => a.code.localeCompare(b.code));
  return (
    <Field label={props.label}>
      <select value={props.value} onChange={(event) => props.onPick(event.currentTarget.value as RegionCode)}>
        {all.map((region) => (
          <option key={region.code} value={region.code}>
            {"\u00a0\u00a0".repeat(depth[region.level])}
            {regionName(region)}
          </option>
        ))}
      </select>
    </Field>
  );
}
