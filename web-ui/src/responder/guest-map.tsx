import { useMemo } from "preact/hooks";
import { cameras, incidents, user } from "../api/store";
import { IncidentMapView } from "../ui/incident-map-view";

const NONE = [] as const;

export default function GuestMap() {
  const shown = incidents.value.filter((one) => one.id === user.value?.incident);
  const all = useMemo(() => [...cameras.value.values()], [cameras.value]);
  return <IncidentMapView incidents={shown} cameras={all} marks={NONE} />;
}
