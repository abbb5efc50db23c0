import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { cameraCode, feedId, mediaTicks, utcMicros } from "../domain/ids";
import { FakeLine, fakeWays } from "../player/testing";
import type { Gaps } from "../wire/control";
import { RecordedLine, type RecordedSignal } from "./recorded-line";

const CAMERA = cameraCode("44140300001320000001");
const NOON = 1_763_925_133_000;
const FEED = 2 ** 31;

function rig(gaps?: Gaps) {
  FakeLine.made = [];
  const ways = fakeWays();
  const heard: RecordedSignal[] = [];
  const clocks: [number, number][] = [];
  const failed: string[] = [];
  const all = ways.webtransport ? [ways.webtransport, ways.websocket] : [ways.websocket];
  const line = new RecordedLine(
    all,
    NOON,
    {
      clock: (at, rate) => clocks.push([at, rate]),
      failed: (why) => failed.push(why),
      away: () => undefined,
    },
    gaps,
  );
  line.open(1, { camera: CAMERA, format: "raw", decodes: ["h264"], audio: false }, (signal) => heard.push(signal));
  return { line, heard, clocks, failed };
}
const last = (type: string) => FakeLine.last.sent.filter((one) => one.type === type).at(-1);
const answer = (at: number, rate = 1) =>
  FakeLine.last.say({ type: "clock", clock: 1, run: last("clock")?.run, at: at * 1000, rate, keys: false });
const picture = (feed: number, key = true) =>
  FakeLine.last.media(feed, 0, key ? 0 : 1, {
    kind: "access-unit",
    mediaTime: mediaTicks(NOON * 90),
    captureTime: utcMicros(NOON * 1000),
    feed: feedId(feed),
  });

describe("the wire of a playback", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("sets its clock before its tiles, and says what it shows", () => {
    const { line, clocks } = rig();
    FakeLine.last.hello();
    // What is shown is said with it: nothing is late by a clock that the page has not begun to follow.
    expect(FakeLine.last.sent.map((one) => one.type)).toEqual(["clock", "replay", "reached"]);
    expect(last("replay")).toMatchObject({ tile: 1, camera: CAMERA, clock: 1, format: "raw", audio: false });
    answer(NOON);
    expect(clocks).toEqual([[NOON, 1]]);
    line.reached(NOON + 40);
    expect(last("reached")).toMatchObject({ clock: 1, run: 1, at: (NOON + 40) * 1000 });
    line.close();
  });

  it("runs through what nobody recorded where that is wanted, and goes on to what comes next else", () => {
    const { line } = rig();
    FakeLine.last.hello();
    expect(last("clock")?.gaps).toBe("skip");
    line.close();
    const through = rig("wait").line;
    FakeLine.last.hello();
    expect(last("clock")?.gaps).toBe("wait");
    through.close();
  });

  it("passes over what belongs to before a seek", () => {
    const { line, heard } = rig();
    FakeLine.last.hello();
    answer(NOON);
    FakeLine.last.opened(1, FEED);
    picture(FEED);
    expect(heard.map((one) => one.type)).toEqual(["opened", "media"]);
    line.seek(NOON + 60_000, 1);
    picture(FEED, false);
    FakeLine.last.say({ type: "clock", clock: 1, run: 1, at: NOON * 1000, rate: 1, keys: false });
    picture(FEED, false);
    expect(heard).toHaveLength(2);
    answer(NOON + 60_000);
    FakeLine.last.opened(1, FEED + 1);
    picture(FEED, false);
    expect(heard.map((one) => one.type)).toEqual(["opened", "media", "opened"]);
    picture(FEED + 1);
    expect(heard[3]?.type).toBe("media");
    line.close();
  });

  it("misses nothing of what is sent while a change of rate is on its way", () => {
    const { line, heard } = rig();
    FakeLine.last.hello();
    const first = Number(last("clock")?.run);
    line.rate(1);
    // The answer to the seek, and its pictures, come before the answer to the rate.
    FakeLine.last.say({ type: "clock", clock: 1, run: first, at: NOON * 1000, rate: 0, keys: false });
    FakeLine.last.opened(1, FEED);
    picture(FEED);
    answer(NOON);
    picture(FEED, false);
    line.rate(2);
    picture(FEED, false);
    answer(NOON, 2);
    picture(FEED, false);
    expect(heard.map((one) => one.type)).toEqual(["opened", "media", "media", "media", "media"]);
    line.close();
  });

  it("tells gaps in milliseconds and refusals in words", () => {
    const { line, heard } = rig();
    FakeLine.last.hello();
    answer(NOON);
    const reason = { code: "not-recording", text: "" };
    FakeLine.last.say({ type: "gap", tile: 1, from: NOON * 1000, to: null, reason });
    FakeLine.last.say({ type: "refused", tile: 1, reason: { code: "forbidden", text: "" } });
    expect(heard).toMatchObject([
      { type: "gap", from: NOON, to: null, reason },
      { type: "refused", reason: { code: "forbidden" } },
    ]);
    line.close();
  });

  it("takes the other way where the first does not come about, and gives up after both", () => {
    const { line, failed } = rig();
    expect(FakeLine.last.kind).toBe("webtransport");
    FakeLine.last.cut();
    vi.advanceTimersByTime(1);
    expect(FakeLine.last.kind).toBe("websocket");
    FakeLine.last.cut();
    vi.advanceTimersByTime(1);
    FakeLine.last.cut();
    vi.advanceTimersByTime(1);
    expect(failed).toHaveLength(1);
    line.close();
  });

  it("gives up where nobody understands what it asks", () => {
    const { line, failed } = rig();
    for (let n = 0; n < 4; n++) {
      FakeLine.last.hello();
      vi.advanceTimersByTime(10_000);
    }
    expect(failed).toHaveLength(1);
    line.close();
  });

  it("comes back where it was", () => {
    const { line, failed } = rig();
    FakeLine.last.hello();
    answer(NOON);
    line.reached(NOON + 9000);
    FakeLine.last.cut();
    vi.advanceTimersByTime(20_000);
    FakeLine.last.hello();
    expect(last("clock")).toMatchObject({ at: (NOON + 9000) * 1000 });
    expect(last("replay")).toMatchObject({ tile: 1 });
    expect(failed).toEqual([]);
    line.close();
  });
});
