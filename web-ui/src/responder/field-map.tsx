/** The map of my incidents: their cameras, colleagues who share where they are, and myself. */
import { useMemo } from "preact/hooks";
import { cameras, openIncidents, positions, user } from "../api/store";
import { t } from "../i18n/t";
import type { Mark } from "../map/incident-map";
import { IncidentMapView } from "../ui/incident-map-view";
import { myIncidents, myTasks } from "./field-store";
import { here } from "./place";

export default function FieldMap() {
  const mine = myIncidents.value.length > 0 ? myIncidents.value : openIncidents.value;
  const shown = useMemo(
    () => mine.flatMap((one) => one.cameras.flatMap((code) => cameras.value.get(code) ?? [])),
    [mine, cameras.value],
  );
  const marks = useMemo(() => {
    const all: Mark[] = [];
    for (const one of positions.value.values()) {
      if (one.place && one.user !== user.value?.user) {
        all.push({ place: one.place, label: one.name, kind: "person" });
      }
    }
    for (const one of myTasks.value) {
      if (one.task.place) all.push({ place: one.task.place, label: one.task.title, kind: "said" });
    }
    if (here.value) all.push({ place: here.value, label: t("field.me"), kind: "me" });
    return all;
  }, [positions.value, here.value, myTasks.value]);
  return <IncidentMapView incidents={mine} cameras={shown} marks={marks} />;
}
