/** A camera's record between the API and a form: a PUT replaces all of it, so nothing that is known may get lost. */
import { district } from "../api/store";
import type { CameraRecord, FullCamera, Zone } from "../domain/camera";

export type Draft = Omit<CameraRecord, "place" | "tags"> & { lon: number | null; lat: number | null; tags: string };
export const BLANK: Draft = {
  code: "",
  name: "",
  region: "",
  lon: null,
  lat: null,
  heading: null,
  view_angle: null,
  view_distance: null,
  site_class: "1",
  form: "fixed",
  maker: "",
  address: "",
  tags: "",
  main_url: "",
  sub_url: "",
  username: "",
  password: "",
  transport: "auto",
  always: false,
  record: true,
  keep_days: 30,
  tag: true,
  disabled: false,
  zones: [],
};
/** What is known of a camera, in the form's shape. Addresses come back only where the gateway sends them. */
export function draftOf(camera: FullCamera | null): Draft {
  if (!camera) return { ...BLANK, region: district.value?.code ?? "" };
  const draft: Draft = { ...BLANK };
  for (const key of Object.keys(BLANK) as (keyof Draft)[]) {
    const value = (camera as Partial<Record<keyof Draft, unknown>>)[key];
    if (value !== undefined && value !== null && key !== "tags") (draft as Record<keyof Draft, unknown>)[key] = value;
  }
  return {
    ...draft,
    lon: camera.place?.lon ?? null,
    lat: camera.place?.lat ?? null,
    tags: (camera.tags ?? []).join(", "),
    record: camera.record ?? camera.recording,
    disabled: camera.disabled ?? camera.state === "disabled",
    password: "",
  };
}

/**
 * The whole record: a PUT replaces. What is write only and was left empty is left out, and so stays as it was.
 * `transport` is sent only where it is known.
 */
export function recordOf(draft: Draft): Partial<CameraRecord> {
  const { lon, lat, tags, ...plain } = draft;
  const record: Partial<CameraRecord> = {
    ...plain,
    place: lon !== null && lat !== null ? { lon, lat } : null,
    tags: tags
      .split(/[,\uFF0C]/)
      .map((tag) => tag.trim())
      .filter(Boolean),
  };
  for (const key of ["main_url", "sub_url", "username", "password"] as const) if (!record[key]) delete record[key];
  // Left out means none, also to a gateway that knows of no zones yet.
  if (draft.zones.length === 0) delete record.zones;
  return record;
}

/** A camera with other zones, and all else as it is. */
export function withZones(camera: FullCamera, zones: readonly Zone[]): Partial<CameraRecord> {
  const record = recordOf({ ...draftOf(camera), zones: zones.map((zone) => ({ ...zone, name: zone.name.trim() })) });
  return camera.revision ? { ...record, revision: camera.revision } : record;
}
