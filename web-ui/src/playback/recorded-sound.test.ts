import { describe, expect, it } from "vitest";
import { feedId, mediaTicks, utcMicros } from "../domain/ids";
import type { TrackInfo } from "../wire/control";
import type { MediaMessage } from "../wire/media";
import { RecordedSound } from "./recorded-sound";

const NOON = 1_763_925_133_000;
const TRACK = { kind: "audio", codec: "alaw", rate: 8000, channels: 1 } as unknown as TrackInfo;

function rig(playable = true) {
  const heard: { pushed: number[]; heads: number; closed: boolean; picture: () => number | null }[] = [];
  const sound = new RecordedSound("raw", (_track, _format, picture) => {
    if (!playable) return null;
    const one = { pushed: [] as number[], heads: 0, closed: false, picture };
    heard.push(one);
    return {
      push: (message) => {
        if (message.kind === "initialisation") one.heads += 1;
        else one.pushed.push(message.mediaTime / 90 - NOON);
      },
      close: () => {
        one.closed = true;
      },
    };
  });
  const packet = (ms: number, kind: MediaMessage["kind"] = "access-unit") =>
    sound.push({
      track: 1,
      kind,
      feed: feedId(7),
      mediaTime: mediaTicks((NOON + ms) * 90),
      captureTime: utcMicros(0),
      payload: new Uint8Array(160),
    } as unknown as MediaMessage);
  const begin = () => {
    sound.opened(TRACK, true);
    packet(0, "initialisation");
    for (let ms = 0; ms < 2000; ms += 20) packet(ms);
  };
  return { sound, heard, begin };
}

describe("the sound of a recording", () => {
  it("is not heard before it is asked for", () => {
    const { sound, heard, begin } = rig();
    begin();
    sound.turn(NOON, true);
    expect(heard).toEqual([]);
    expect(sound.state.value).toBe("off");
  });

  it("goes with the picture, a little ahead of it and no more", () => {
    const { sound, heard, begin } = rig();
    sound.want(true);
    expect(sound.state.value).toBe("opening");
    begin();
    expect(sound.state.value).toBe("on");
    sound.turn(NOON, true);
    expect(heard[0]?.heads).toBe(1);
    expect(heard[0]?.pushed.at(-1)).toBe(240);
    sound.turn(NOON + 1000, true);
    expect(heard[0]?.pushed.at(-1)).toBe(1240);
    expect(heard[0]?.picture()).toBe((NOON + 1000) / 1000);
    // What the picture has left behind is not heard later.
    sound.turn(NOON + 1900, true);
    expect(heard[0]?.pushed).not.toContain(1700);
  });

  it("is silent while the picture stands or runs, and is there again with it", () => {
    const { sound, heard, begin } = rig();
    sound.want(true);
    begin();
    sound.turn(NOON, true);
    sound.turn(NOON + 20, false);
    expect(heard[0]?.closed).toBe(true);
    sound.turn(NOON + 40, false);
    expect(heard).toHaveLength(1);
    sound.turn(NOON + 60, true);
    expect(heard).toHaveLength(2);
    expect(heard[1]?.heads).toBe(1);
    expect(heard[1]?.pushed[0]).toBe(260);
    sound.want(false);
    expect(heard[1]?.closed).toBe(true);
  });

  it("says where there is none, and where it cannot be played", () => {
    const none = rig().sound;
    none.want(true);
    none.opened(null, true);
    expect(none.state.value).toBe("none");
    const { sound, begin } = rig(false);
    sound.want(true);
    begin();
    sound.turn(NOON, true);
    expect(sound.state.value).toBe("unplayable");
  });
});
