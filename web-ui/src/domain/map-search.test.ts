import { expect, it } from "vitest";
import type { Camera } from "./camera";
import type { Incident } from "./command";
import { type Searched, searchMap } from "./map-search";
import type { Region } from "./region";

const region = (code: string, name: string, parent: string | null = null) =>
  ({ code, name, name_en: code === "441403102" ? "Shishan" : "", parent }) as unknown as Region;
const all: Searched = {
  regions: [
    region("441403", "梅县区"),
    region("441403102", "石扇镇", "441403"),
    region("441403102201", "石扇村", "441403102"),
  ],
  cameras: [
    { code: "44140300001326000001", name: "石扇桥头", region_name: "石扇镇" },
    { code: "44140300001326000002", name: "码头", region_name: "丙村镇" },
  ] as unknown as Camera[],
  incidents: [{ number: "20261130-0001", title: "石扇水漫公路" }] as unknown as Incident[],
  people: [{ user: "li", name: "李石", place: { lon: 1, lat: 1 }, accuracy_m: null, ageMs: 0, stale: false }],
  nameOf: (one) => one?.name ?? "",
};
const initials = (text: string) => ({ 石扇桥头: "ssqt", 石扇镇: "ssz", 石扇村: "ssc", 码头: "mt" })[text] ?? "";

it("finds what is named so, by kind, the best of each kind first", () => {
  const groups = searchMap("石扇", all, null);
  expect(groups.map((group) => [group.kind, group.total])).toEqual([
    ["region", 2],
    ["camera", 1],
    ["incident", 1],
  ]);
  const [first] = groups[0]?.hits ?? [];
  expect(first).toMatchObject({ kind: "region", below: "梅县区" });
  expect(searchMap("石扇村", all, null)[0]?.hits[0]).toMatchObject({ region: { code: "441403102201" } });
});

it("finds by initials, by code, by number, by the name in Latin letters", () => {
  expect(searchMap("ssqt", all, initials).map((group) => group.kind)).toEqual(["camera"]);
  expect(searchMap("44140300001326000002", all, null)[0]?.hits[0]).toMatchObject({ camera: { name: "码头" } });
  expect(searchMap("1130-0001", all, null)[0]?.kind).toBe("incident");
  expect(searchMap("shishan", all, null)[0]?.hits[0]).toMatchObject({ region: { code: "441403102" } });
  expect(searchMap("李", all, null)[0]?.kind).toBe("person");
  expect(searchMap("  ", all, null)).toEqual([]);
  expect(searchMap("没有这处", all, null)).toEqual([]);
});
