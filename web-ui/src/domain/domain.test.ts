import { pinyin } from "pinyin-pro";
import { describe, expect, it } from "vitest";
import { fieldErrors } from "../admin/field-errors";
import type { Camera, CameraState } from "./camera";
import { metresBetween, wedge } from "./geo";
import { cameraCode, isCameraCode, parseTime, regionCode } from "./ids";
import { isOpen, nextStates, noteRequired } from "./incident";
import type { Region } from "./region";
import { type Initials, matcher } from "./search";
import { buildTree, flatten, inOrder, worst } from "./tree";

const region = (code: string, name: string, parent: string | null): Region => ({
  code: regionCode(code),
  name,
  parent: parent === null ? null : regionCode(parent),
  level: code.length > 9 ? "village" : code.length > 6 ? "town" : "district",
});
const camera = (n: number, name: string, at: string, state: CameraState = "live"): Camera => ({
  code: cameraCode(`4414030000132000${String(n).padStart(4, "0")}`),
  name,
  region: regionCode(at),
  state,
  reason: null,
  since: null,
  place: null,
  heading: null,
  view_angle: null,
  view_distance: null,
  recording: true,
  recording_state: "recording",
});
const regions = [
  region("441403", "梅县区", null),
  region("441403103", "丙村镇", "441403"),
  region("441403102", "松口镇", "441403"),
  region("441403102201", "松口村", "441403102"),
];
const cameras = [
  camera(1, "松口水文站", "441403102201", "offline"),
  camera(2, "丙村文化广场", "441403103"),
  camera(3, "村外卡口", "441403102999"),
];

describe("tree", () => {
  const tree = buildTree(regions, cameras);
  const open = new Set<string>(tree.regions.keys());
  it("counts upwards, a camera of an unlisted village at its town", () => {
    expect(tree.counts.get(regionCode("441403"))).toEqual({ total: 3, offline: 1 });
    expect(tree.counts.get(regionCode("441403102"))).toEqual({ total: 2, offline: 1 });
  });
  it("flattens what is open, in the order of codes", () => {
    expect(flatten(tree, new Set())).toHaveLength(1);
    const rows = flatten(tree, open);
    expect(rows.map((row) => (row.kind === "region" ? row.region.name : row.camera.name))).toEqual([
      "梅县区",
      "松口镇",
      "松口村",
      "松口水文站",
      "村外卡口",
      "丙村镇",
      "丙村文化广场",
    ]);
    expect(inOrder(tree)).toHaveLength(3);
  });
  it("a search shows only the regions in which something was found", () => {
    const rows = flatten(tree, new Set(), matcher("文化", null));
    expect(rows.map((row) => row.kind)).toEqual(["region", "region", "camera"]);
  });
  it("an empty register is an empty tree", () => expect(flatten(buildTree([], []), open)).toEqual([]));
  it("a cluster shows its worst state", () => {
    expect(worst(["live", "offline", "idle"])).toBe("offline");
    expect(worst(["live", "connecting"])).toBe("connecting");
    expect(worst(["idle", "disabled"])).toBe("idle");
  });
});

describe("search", () => {
  const initials: Initials = (text) =>
    pinyin(text, { pattern: "first", toneType: "none", type: "array" }).join("").toLowerCase();
  const found = (query: string) => cameras.filter(matcher(query, initials)).map((one) => one.name);
  it("by name, initials and code", () => {
    expect(found("广场")).toEqual(["丙村文化广场"]);
    expect(found("bcwhgc")).toEqual(["丙村文化广场"]);
    expect(found("SWZ")).toEqual(["松口水文站"]);
    expect(found("0003")).toEqual(["村外卡口"]);
  });
  it("all words must match", () => {
    expect(found("松口 swz")).toEqual(["松口水文站"]);
    expect(found("松口 bc")).toEqual([]);
    expect(found("   ")).toHaveLength(3);
  });
});

describe("incidents", () => {
  it("go only where the reference says", () => {
    expect(nextStates("reported")).toEqual(["verified", "closed"]);
    expect(nextStates("handling")).toEqual(["closed"]);
    expect(nextStates("filed")).toEqual([]);
    expect(noteRequired("handling", "closed")).toBe(true);
    expect(noteRequired("closed", "handling")).toBe(true);
    expect(noteRequired("reported", "verified")).toBe(false);
    expect(isOpen("handling")).toBe(true);
    expect(isOpen("closed")).toBe(false);
  });
});

describe("fields of view", () => {
  const at = { lon: 116.08, lat: 24.26 };
  it("reach as far as the camera sees, and close", () => {
    const ring = wedge(at, 90, 70, 200);
    expect(ring[0]).toEqual(ring.at(-1));
    for (const [lon, lat] of ring.slice(1, -1)) expect(metresBetween(at, { lon, lat })).toBeCloseTo(200, 0);
  });
  it("looks east at 90 degrees", () => {
    const ring = wedge(at, 90, 2, 100, 2);
    const [lon, lat] = ring[2] ?? [0, 0];
    expect(lon).toBeGreaterThan(at.lon);
    expect(lat).toBeCloseTo(at.lat, 6);
  });
});

describe("edges", () => {
  it("codes and times", () => {
    expect(isCameraCode("44140300001320000001")).toBe(true);
    expect(isCameraCode("4414030000132000000a")).toBe(false);
    expect(parseTime("2026-11-23T12:00:00.000Z")).toBe(Date.parse("2026-11-23T12:00:00Z"));
    expect(parseTime("yesterday")).toBeNull();
    expect(parseTime(null)).toBeNull();
  });
  it("an error goes to the field it names", () => {
    const problem = (detail: string) => ({
      status: 400,
      code: "bad-request",
      title: "Bad request",
      detail,
      retryAfter: null,
    });
    expect(fieldErrors(problem("main_url: not an RTSP address"), ["main_url"]).byField).toEqual({
      main_url: "not an RTSP address",
    });
    expect(fieldErrors(problem("region `999` does not exist"), ["main_url"]).rest).toBe("region `999` does not exist");
    expect(fieldErrors(problem("unknown field `region`"), ["region"]).byField.region).toContain("unknown field");
  });
});
