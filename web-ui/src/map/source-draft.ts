/** A map source while it is written: what the form holds, and what comes of it. Pure. */
import { MESSAGES } from "../i18n/messages";
import type { MapGrid, MapSource, NewMapSource, SourceTest } from "./sources";

export interface SourceDraft extends Omit<NewMapSource, "subdomains" | "labels" | "token"> {
  /** As typed: with commas, or a range such as 0-7. */
  readonly subdomains: string;
  readonly labels: string;
  /** Empty: as it is. */
  readonly token: string;
  readonly has_token: boolean;
}

export const emptyDraft = (): SourceDraft => ({
  id: "",
  name: "",
  name_en: "",
  kind: "xyz",
  grid: "EPSG:3857",
  url: "",
  subdomains: "",
  layer: "",
  style: "",
  matrix_set: "",
  matrix_prefix: "",
  format: "",
  min_zoom: 1,
  max_zoom: 18,
  labels: "",
  base: true,
  default: false,
  attribution: "",
  approval: "",
  referer: "",
  token: "",
  has_token: false,
});

/** Tianditu's services, of which only the layer differs; its token is one's own. */
function tianditu(layer: "vec" | "img" | "cva", more: Partial<SourceDraft> = {}): SourceDraft {
  // A source has its names in both languages, whichever is shown now.
  const [name, name_en] = MESSAGES[`map.preset.tdt-${layer}`];
  return {
    ...emptyDraft(),
    id: `tdt-${layer}`,
    name,
    name_en,
    kind: "wmts",
    grid: "EPSG:4490",
    url: `https://t{s}.tianditu.gov.cn/${layer}_c/wmts?tk={token}`,
    subdomains: "0-7",
    layer,
    style: "default",
    matrix_set: "c",
    format: "tiles",
    attribution: MESSAGES["map.preset.by"][0],
    ...more,
  };
}

export const PRESETS = [
  { id: "tdt-cva", draft: () => tianditu("cva", { base: false }) },
  { id: "tdt-vec", draft: () => tianditu("vec", { default: true }) },
  { id: "tdt-img", draft: () => tianditu("img") },
] as const;

export function draftOf(source: MapSource): SourceDraft {
  const { version: _version, said: _said, fault: _fault, definition, labels, ...rest } = source;
  const empty = emptyDraft();
  return {
    ...empty,
    ...rest,
    ...definition,
    subdomains: (definition?.subdomains ?? []).join(", "),
    labels: labels ?? "",
    token: "",
    has_token: definition?.has_token ?? false,
  };
}

/** 0-3 is 0, 1, 2, 3; anything else is a list. */
export function subdomainsOf(text: string): string[] {
  const range = /^\s*(\d)\s*-\s*(\d)\s*$/.exec(text);
  if (range) {
    const [from, to] = [Number(range[1]), Number(range[2])];
    return Array.from({ length: Math.max(0, to - from + 1) }, (_, n) => String(from + n));
  }
  return text
    .split(/[\s,，]+/)
    .map((one) => one.trim())
    .filter(Boolean);
}

export function fromDraft(draft: SourceDraft): NewMapSource {
  const { has_token: _has, token, labels, subdomains, ...rest } = draft;
  return {
    ...rest,
    id: draft.id.trim() || "draft",
    name: draft.name.trim() || draft.id.trim() || "draft",
    url: draft.url.trim(),
    subdomains: subdomainsOf(subdomains),
    labels: labels || null,
    ...(token.trim() ? { token: token.trim() } : {}),
  };
}

/** What a preview shows: the tiles of what is tried out. */
export function toShow(draft: SourceDraft, test: SourceTest): MapSource {
  return {
    id: test.draft,
    name: draft.name,
    name_en: draft.name_en,
    grid: draft.grid as MapGrid,
    min_zoom: draft.min_zoom,
    max_zoom: draft.max_zoom,
    labels: null,
    base: true,
    default: false,
    attribution: draft.attribution,
    approval: draft.approval,
    version: test.draft,
    said: "page",
    fault: null,
    definition: null,
  };
}
