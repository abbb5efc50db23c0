/** A camera's file between the API and its form: a PUT replaces all of it, so nothing that is known may get lost. */
import type { FileRecord, StoredRecord } from "./types";

export type Draft = FileRecord & { password: string };

export function blank(region: string): Draft {
  return {
    revision: 0,
    code: "",
    name: "",
    region,
    place: null,
    heading: null,
    view_angle: null,
    view_distance: null,
    site_class: "",
    form: "",
    maker: "",
    address: "",
    main_url: null,
    sub_url: null,
    username: null,
    password: "",
    transport: "auto",
    always: false,
    record: true,
    keep_days: 30,
    tag: true,
    disabled: false,
    asset: {
      model: "",
      common_name: "",
      ipv4: null,
      ipv6: null,
      mac: "",
      functions: [],
      fill_light: "",
      codec: "",
      height_m: null,
      location_type: "",
      network: "",
      manager: "",
      contact: "",
      police_unit: "",
      installed_on: "",
      condition: "",
      department: "",
      reference: "wgs84",
      main_kbps: null,
      sub_kbps: null,
    },
    tags: [],
    zones: [],
  };
}

export function draftOf(stored: StoredRecord): Draft {
  const { has_password: _1, changed_at: _2, changed_by: _3, ...record } = stored;
  return { ...blank(record.region), ...record, password: "" };
}

/** What everybody who sees a camera may read of its file: no addresses, and nothing that could be saved. */
export function readOnly(camera: object, region: string): Draft {
  const draft = blank(region) as unknown as Record<string, unknown>;
  for (const key of Object.keys(draft)) {
    const value = (camera as Record<string, unknown>)[key];
    if (value !== undefined) draft[key] = value;
  }
  return draft as unknown as Draft;
}

/** What goes out. An address that was emptied is taken away; a password that was left empty stays. */
export function bodyOf(draft: Draft): Partial<FileRecord> {
  const { password, ...record } = draft;
  return {
    ...record,
    main_url: record.main_url ?? "",
    sub_url: record.sub_url ?? "",
    ...(password ? { password } : {}),
  };
}

export type Path = string;
/** A field by its name in the API: `name`, `asset.model`. */
export function valueAt(record: object, path: Path): unknown {
  let at: unknown = record;
  for (const part of path.split(".")) at = (at as Record<string, unknown> | null | undefined)?.[part];
  return at;
}
export function withValue<T extends object>(record: T, path: Path, value: unknown): T {
  const [first = "", ...rest] = path.split(".");
  if (rest.length === 0) return { ...record, [first]: value };
  const inner = (record as Record<string, unknown>)[first];
  return { ...record, [first]: withValue((inner ?? {}) as object, rest.join("."), value) };
}

/** The fields in which two records differ. */
export function changedFields(before: object, after: object): Path[] {
  const flat = (record: object): Map<string, string> => {
    const map = new Map<string, string>();
    for (const [key, value] of Object.entries(record)) {
      if (key === "asset" && value) {
        for (const [inner, v] of Object.entries(value as object)) map.set(`asset.${inner}`, JSON.stringify(v));
      } else map.set(key, JSON.stringify(value));
    }
    return map;
  };
  const [a, b] = [flat(before), flat(after)];
  const names = new Set([...a.keys(), ...b.keys()]);
  return [...names].filter((name) => a.get(name) !== b.get(name));
}

/** Fields that every file must have (domain: starred). */
export const MANDATORY: readonly Path[] = [
  "name",
  "region",
  "site_class",
  "maker",
  "address",
  "place",
  "asset.location_type",
  "asset.network",
  "asset.manager",
  "asset.contact",
  "asset.police_unit",
  "asset.installed_on",
  "asset.condition",
  "keep_days",
];
export function missing(record: object): Path[] {
  return MANDATORY.filter((path) => {
    const value = valueAt(record, path);
    return value === null || value === undefined || value === "";
  });
}
