import { describe, expect, it } from "vitest";
import { blank, bodyOf, changedFields, draftOf, missing, valueAt, withValue } from "./draft";
import type { StoredRecord } from "./types";

const stored = (): StoredRecord => {
  const { password: _, ...record } = { ...blank("441403"), code: "44140300001326000001", name: "村口", revision: 3 };
  return { ...record, main_url: "rtsp://h/1", has_password: true, changed_at: null, changed_by: "li" };
};

describe("a file between the API and its form", () => {
  it("goes back as it came, with its revision and without what the gateway makes", () => {
    const body = bodyOf(draftOf(stored()));
    expect(body).toMatchObject({ revision: 3, name: "村口", main_url: "rtsp://h/1", sub_url: "" });
    for (const made of ["has_password", "changed_at", "changed_by", "password"]) expect(body).not.toHaveProperty(made);
  });
  it("sends a password only where one was typed", () => {
    expect(bodyOf({ ...draftOf(stored()), password: "x" })).toHaveProperty("password", "x");
  });
  it("changes a field of the asset and nothing else", () => {
    const before = draftOf(stored());
    const after = withValue(before, "asset.model", "X");
    expect(valueAt(after, "asset.model")).toBe("X");
    expect(changedFields(before, after)).toEqual(["asset.model"]);
    expect(before.asset.model).toBe("");
  });
  it("knows what is still missing", () => {
    const record = draftOf(stored());
    expect(missing(record)).toContain("asset.contact");
    expect(missing(withValue(record, "asset.contact", "0753"))).not.toContain("asset.contact");
    expect(missing(record)).not.toContain("keep_days");
  });
});
