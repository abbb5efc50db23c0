/** The incident on a small map: its cameras, and who in the field shares where they are. Its page says which incident by the address. */
import { useMemo } from "preact/hooks";
import { cameras, incidents, positions } from "../api/store";
import type { Mark } from "../map/incident-map";
import { IncidentMapView } from "../ui/incident-map-view";
import { shownIncident } from "./shown";

export default function IncidentMapPanel() {
  const incident = incidents.value.find((one) => one.id === shownIncident.value);
  const shown = useMemo(() => (incident ? [incident] : []), [incident]);
  const linked = useMemo(
    () => incident?.cameras.flatMap((code) => cameras.value.get(code) ?? []) ?? [],
    [incident, cameras.value],
  );
  const marks = useMemo(
    () =>
      [...positions.value.values()].flatMap((one): Mark[] =>
        one.place ? [{ place: one.place, label: one.name, kind: "person" }] : [],
      ),
    [positions.value],
  );
  return <IncidentMapView incidents={shown} cameras={linked} marks={marks} />;
}
