import { expect, it } from "vitest";
import type { Region } from "../domain/region";
import { PAGE, Pages } from "./pages";
import { regionRows } from "./region-tree";

it("a page is asked for once, and again only where it failed", () => {
  const pages = new Pages<number>();
  expect(pages.want(0, PAGE)).toEqual([0, 1]);
  expect(pages.want(10, 20)).toEqual([]);
  pages.failed(1);
  expect(pages.want(PAGE, PAGE + 5)).toEqual([1]);
  pages.take(1, 250, [7, 8]);
  expect([pages.total, pages.at(PAGE), pages.at(PAGE + 1), pages.at(0)]).toEqual([250, 7, 8, undefined]);
  expect([...pages.all()]).toEqual([7, 8]);
});

it("regions without cameras are in the tree too, and a region whose parent is not seen is a root", () => {
  const region = (code: string, parent: string | null) => ({ code, parent, name: code, level: "town" }) as Region;
  const all = [
    region("441403", null),
    region("441403102", "441403"),
    region("441403102201", "441403102"),
    region("441499201", "441499"),
  ];
  const rows = regionRows(all, new Set(["441403"]));
  expect(rows.map((row) => [row.region.code, row.depth, row.leaf])).toEqual([
    ["441403", 0, false],
    ["441403102", 1, false],
    ["441499201", 0, true],
  ]);
});
