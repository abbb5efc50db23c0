import { expect, it } from "vitest";
import { draftOf, emptyDraft, fromDraft, PRESETS, subdomainsOf } from "./source-draft";
import type { MapSource } from "./sources";

it("subdomains are a range or a list", () => {
  expect(subdomainsOf("0-3")).toEqual(["0", "1", "2", "3"]);
  expect(subdomainsOf("a, b，c")).toEqual(["a", "b", "c"]);
  expect(subdomainsOf("")).toEqual([]);
  expect(subdomainsOf("3-0")).toEqual([]);
});

it("a token that is not typed is not sent, so that the one there is stays", () => {
  const source = {
    id: "a",
    name: "A",
    labels: "b",
    version: "1",
    said: "page",
    fault: null,
    definition: { kind: "wmts", url: "https://x/{token}", subdomains: ["0", "1"], has_token: true },
  } as unknown as MapSource;
  const sent = fromDraft(draftOf(source));
  expect(sent).not.toHaveProperty("token");
  expect(sent).not.toHaveProperty("has_token");
  expect(sent).not.toHaveProperty("version");
  expect(sent).toMatchObject({ id: "a", kind: "wmts", labels: "b", subdomains: ["0", "1"] });
  expect(fromDraft({ ...draftOf(source), token: " x " })).toMatchObject({ token: "x" });
});

it("every preset is a whole source, and has no token of its own", () => {
  for (const preset of PRESETS) {
    const sent = fromDraft(preset.draft());
    expect(sent.url).toContain("{token}");
    expect(sent.subdomains).toHaveLength(8);
    expect(Object.keys(sent).sort()).toEqual(Object.keys(fromDraft(emptyDraft())).sort());
  }
});
