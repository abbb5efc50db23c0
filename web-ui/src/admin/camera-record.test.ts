import { describe, expect, it } from "vitest";
import type { FullCamera } from "../domain/camera";
import { cameraCode, regionCode } from "../domain/ids";
import { withZones } from "./camera-record";

const camera: FullCamera = {
  code: cameraCode("44140300001320000001"),
  name: "A",
  region: regionCode("441403"),
  state: "live",
  reason: null,
  since: null,
  place: { lon: 116, lat: 24 },
  heading: 90,
  view_angle: 70,
  view_distance: null,
  maker: "M",
  recording: true,
  recording_state: "recording",
  tags: ["a", "b"],
  always: true,
  keep_days: 90,
  tag: false,
  zones: [
    {
      name: "gate",
      points: [
        [0, 0],
        [1, 0],
        [1, 1],
      ],
    },
  ],
};

describe("a PUT replaces the record", () => {
  const record = withZones(camera, camera.zones ?? []);
  it("so everything that is known goes with it", () => {
    expect(record).toMatchObject({
      code: camera.code,
      name: "A",
      region: "441403",
      place: { lon: 116, lat: 24 },
      heading: 90,
      view_distance: null,
      tags: ["a", "b"],
      always: true,
      keep_days: 90,
      tag: false,
    });
  });
  it("and what is write only does not go empty", () => {
    for (const key of ["main_url", "sub_url", "username", "password"]) expect(record).not.toHaveProperty(key);
  });
  it("and nothing that the gateway makes", () => {
    for (const key of ["state", "reason", "since", "recording", "recording_state", "profiles"]) {
      expect(record).not.toHaveProperty(key);
    }
  });
});

describe("zones", () => {
  it("say which revision they were drawn on", () => {
    expect(withZones({ ...camera, revision: 7 }, [])).toHaveProperty("revision", 7);
  });
  it("are replaced, their names without blanks around", () => {
    const zones = (camera.zones ?? []).map((zone) => ({ ...zone, name: ` ${zone.name} ` }));
    expect(withZones(camera, zones).zones).toEqual(camera.zones);
    expect(withZones(camera, zones)).toMatchObject({ name: "A", keep_days: 90 });
  });
  it("are left out when there are none: that takes them away", () => {
    expect(withZones(camera, [])).not.toHaveProperty("zones");
  });
});
