import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { cameraCode, feedId, mediaTicks } from "../domain/ids";
import { FakeLine, fakeWays } from "../player/testing";
import type { TrackInfo } from "../wire/control";
import type { MediaMessage } from "../wire/media";
import type { Mode } from "./shared-clock";
import type { TilePlayer } from "./tile-player";
import { WirePlayback } from "./wire-playback";

const NOON = 1_763_925_133_000;
const FEED = 2 ** 31;

/** A player that shows at once what it is told to. */
class FakePlayer implements TilePlayer {
  static made: FakePlayer[] = [];
  readonly element = document.createElement("canvas");
  readonly format = "raw";
  readonly dropped = 0;
  shown: number | null = null;
  furthest: number | null = null;
  begins: number | null = null;
  ready = false;
  asked: number[] = [];
  times: number[] = [];
  backs: boolean[] = [];
  closed = false;
  fail: (error: string) => void = () => undefined;
  constructor() {
    FakePlayer.made.push(this);
  }
  opened(_video: TrackInfo, fresh: boolean, mode: Mode) {
    if (!fresh) return;
    this.ready = false;
    this.times = [];
    this.furthest = null;
    this.begins = null;
    this.backs.push(mode === "back");
  }
  push(message: MediaMessage) {
    this.times.push(message.mediaTime / 90);
    this.furthest = message.mediaTime / 90;
    if (!this.backs.at(-1)) this.begins ??= this.furthest;
  }
  show(at: number) {
    this.asked.push(at);
    const shown = (this.takes === null ? this.times : this.#made).filter((time) => time <= at).at(-1);
    if (shown === undefined) return;
    this.shown = shown;
    this.ready = true;
  }
  /** What it cannot decode in time. */
  slow = Number.POSITIVE_INFINITY;
  readonly spacing = 40;
  gap = 40;
  prepare() {}
  /** How long it takes to make a key frame ready, ms; where it makes them ready one by one. */
  takes: number | null = null;
  #making: { time: number; since: number } | null = null;
  aim(at: number, mono: number): boolean | null {
    if (this.takes === null) return null;
    const due = this.times.filter((time) => time <= at).at(-1);
    if (due === undefined) return true;
    // What it has begun it brings to an end.
    const making = this.#making;
    if (making && mono - making.since < this.takes) return false;
    if (making && this.#made.at(-1) !== making.time) this.#made.push(making.time);
    if (this.#made.at(-1) === due) return true;
    this.#making = { time: due, since: mono };
    return false;
  }
  #made: number[] = [];
  /** It keeps what it has shown. */
  memory = false;
  keeps(at: number) {
    return this.memory && this.times.some((time) => time <= at);
  }
  before(at: number) {
    return this.memory ? (this.times.filter((time) => time < at).at(-1) ?? null) : null;
  }
  reach(at: number) {
    return Math.min(at, this.slow);
  }
  lag(at: number) {
    return Math.max(0, at - this.slow);
  }
  behind(): number | null {
    return null;
  }
  after(at: number) {
    return this.times.find((time) => time > at) ?? null;
  }
  close() {
    this.closed = true;
  }
}

let now = 0;
let turns: FrameRequestCallback[] = [];
/** Lets the screen turn, 60 times a second. */
function pass(ms: number) {
  for (let left = ms; left > 0; left -= 16) {
    now += Math.min(16, left);
    vi.advanceTimersByTime(Math.min(16, left));
    for (const turn of turns.splice(0)) turn(now);
  }
}

function rig(cameras = 2) {
  FakeLine.made = [];
  FakePlayer.made = [];
  const failed: string[] = [];
  const playback = new WirePlayback({
    codes: Array.from({ length: cameras }, (_, n) => cameraCode(`4414030000132000000${n}`)),
    at: NOON,
    ways: [fakeWays(false).websocket],
    decodes: ["h264"],
    player: (onError) => {
      const player = new FakePlayer();
      player.fail = onError;
      return player;
    },
    sound: () => null,
    onFailed: (why) => failed.push(why),
  });
  FakeLine.last.hello();
  return { playback, failed, line: FakeLine.last };
}
const last = (type: string) => FakeLine.last.sent.filter((one) => one.type === type).at(-1);
const answer = (at = Number(last("clock")?.at ?? 0) / 1000, rate = Number(last("clock")?.rate ?? 1)) =>
  FakeLine.last.say({
    type: "clock",
    clock: 1,
    run: (last("step") ?? last("clock"))?.run,
    at: at * 1000,
    rate,
    keys: false,
  });
function picture(feed: number, time: number) {
  FakeLine.last.media(feed, 0, 0, { kind: "access-unit", mediaTime: mediaTicks(time * 90), feed: feedId(feed) });
}
/** Both cameras have pictures of some seconds from a moment on. */
function deliver(from: number, seconds: number, first = FEED) {
  for (let n = 0; n < FakePlayer.made.length; n++) {
    FakeLine.last.opened(n + 1, first + n);
    for (let time = from; time < from + seconds * 1000; time += 40) picture(first + n, time);
  }
}

describe("a playback by the wire", () => {
  beforeEach(() => {
    vi.useFakeTimers();
    now = 0;
    turns = [];
    vi.spyOn(performance, "now").mockImplementation(() => now);
    vi.stubGlobal("requestAnimationFrame", (turn: FrameRequestCallback) => turns.push(turn));
    vi.stubGlobal("cancelAnimationFrame", () => undefined);
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  it("shows the same moment on all, from when each has a picture, and says so", () => {
    const { playback } = rig();
    playback.setRate(1);
    answer(NOON);
    FakeLine.last.opened(1, FEED);
    picture(FEED, NOON);
    pass(1000);
    // One of them has nothing yet: the clock stands.
    expect(playback.at.value).toBe(NOON);
    deliver(NOON, 4);
    pass(1000);
    const [a, b] = FakePlayer.made;
    expect(a?.asked.at(-1)).toBe(b?.asked.at(-1));
    expect(a?.shown).toBe(b?.shown);
    expect(playback.at.value ?? 0).toBeGreaterThan(NOON + 800);
    const told = Number(last("reached")?.at) / 1000;
    expect(told - (playback.at.value ?? 0)).toBeLessThan(50);
    playback.close();
    expect(FakePlayer.made.every((one) => one.closed)).toBe(true);
  });

  it("keeps its own moment when it is stopped, and takes the gateway's across a gap", () => {
    const { playback } = rig();
    playback.setRate(1);
    answer(NOON);
    deliver(NOON, 4);
    pass(1000);
    playback.setRate(0);
    const stood = FakePlayer.made[0]?.asked.at(-1) ?? 0;
    answer(NOON + 200, 0);
    pass(100);
    expect(Math.abs((FakePlayer.made[0]?.asked.at(-1) ?? 0) - stood)).toBeLessThan(20);
    FakeLine.last.say({
      type: "clock",
      clock: 1,
      run: last("clock")?.run,
      at: (NOON + 60_000) * 1000,
      rate: 1,
      keys: false,
    });
    pass(32);
    expect(FakePlayer.made[0]?.asked.at(-1)).toBeGreaterThanOrEqual(NOON + 60_000);
    playback.close();
  });

  it("steps on in what is here, and asks the gateway for the picture before", () => {
    const { playback } = rig();
    playback.setRate(0);
    answer(NOON, 0);
    deliver(NOON - 400, 1);
    pass(200);
    expect(FakePlayer.made[0]?.shown).toBe(NOON);
    playback.step(1);
    pass(32);
    expect(FakePlayer.made[1]?.shown).toBe(NOON + 40);
    expect(last("step")).toBeUndefined();
    expect(last("reached")?.at).toBe((NOON + 40) * 1000);
    playback.step(-1);
    expect(last("step")).toMatchObject({ clock: 1, tile: 1, frames: -1 });
    answer(NOON, 0);
    deliver(NOON - 400, 1, FEED + 10);
    pass(100);
    expect(FakePlayer.made.map((one) => one.shown)).toEqual([NOON, NOON]);
    // What was found and has not come yet is what is stepped from.
    playback.step(-1);
    answer(NOON - 40, 0);
    FakeLine.last.opened(1, FEED + 20);
    pass(32);
    expect(FakePlayer.made[0]?.shown).toBe(NOON);
    playback.step(-1);
    expect(last("reached")?.at).toBe((NOON - 40) * 1000);
    answer(NOON - 80, 0);
    // To be told once more that it stands changes nothing.
    playback.setRate(0);
    expect(FakeLine.last.sent.at(-1)?.type).not.toBe("clock");
    playback.close();
  });

  it("begins anew where other pictures are wanted: key frames, or backwards", () => {
    const { playback } = rig();
    playback.setRate(1);
    answer(NOON);
    deliver(NOON, 4);
    pass(500);
    playback.setRate(8);
    expect(last("clock")?.at).toBeDefined();
    answer();
    playback.setRate(-2);
    expect(last("clock")).toMatchObject({ rate: -2 });
    answer();
    deliver(NOON, 1, FEED + 20);
    expect(FakePlayer.made[0]?.backs.at(-1)).toBe(true);
    playback.setRate(-4);
    expect(last("clock")?.at).toBeUndefined();
    playback.close();
  });

  it("says of each camera what is the matter with it", () => {
    const { playback } = rig(3);
    playback.setRate(1);
    answer(NOON);
    const reason = (code: string) => ({ code, text: "" });
    deliver(NOON, 4);
    FakeLine.last.say({
      type: "gap",
      tile: 2,
      from: (NOON + 1000) * 1000,
      to: (NOON + 9000) * 1000,
      reason: reason("cut"),
    });
    FakeLine.last.say({ type: "refused", tile: 3, reason: reason("forbidden") });
    pass(500);
    expect(playback.panes.map((pane) => pane.state.value)).toEqual(["ready", "ready", "forbidden"]);
    pass(1000);
    expect(playback.panes.map((pane) => pane.state.value)).toEqual(["ready", "nothing", "forbidden"]);
    FakeLine.last.say({ type: "thinned", tile: 1, keys: true });
    expect(playback.panes[0]?.thinned.value).toBe(true);
    playback.close();
  });

  it("shows a recording's first picture at a moment just before it, and plays on", () => {
    const { playback } = rig(1);
    answer(NOON, 0);
    deliver(NOON + 0.6, 4);
    pass(100);
    expect(FakePlayer.made[0]?.shown).toBeCloseTo(NOON + 0.6);
    expect(playback.panes[0]?.state.value).toBe("ready");
    playback.setRate(1);
    answer(NOON);
    pass(1000);
    expect(playback.at.value ?? 0).toBeGreaterThan(NOON + 800);
    playback.close();
  });

  it("goes on to a recording that begins a little later, and keeps nobody waiting for it", () => {
    const { playback } = rig(2);
    playback.setRate(1);
    answer(NOON);
    deliver(NOON, 0);
    for (let t = 0; t < 4000; t += 40) picture(FEED, NOON + t);
    for (let t = 1520; t < 4000; t += 40) picture(FEED + 1, NOON + t);
    pass(500);
    expect(playback.panes.map((pane) => pane.state.value)).toEqual(["ready", "nothing"]);
    expect(FakePlayer.made[1]?.shown).toBeNull();
    pass(1500);
    expect(playback.panes.map((pane) => pane.state.value)).toEqual(["ready", "ready"]);
    expect(FakePlayer.made[0]?.shown).toBe(FakePlayer.made[1]?.shown);
    playback.close();
    // Alone it does so too.
    const alone = rig(1).playback;
    alone.setRate(1);
    answer(NOON);
    deliver(NOON + 1500, 4);
    pass(2000);
    expect(alone.panes[0]?.state.value).toBe("ready");
    expect(alone.at.value ?? 0).toBeGreaterThan(NOON + 1600);
    alone.close();
  });

  it("stands where the line brings nothing, and goes on with it", () => {
    const { playback } = rig();
    playback.setRate(1);
    answer(NOON);
    deliver(NOON, 1);
    pass(5000);
    const stood = playback.at.value ?? 0;
    expect(stood - NOON).toBeLessThan(1700);
    for (let n = 0; n < 2; n++) for (let t = 1000; t < 5000; t += 40) picture(FEED + n, NOON + t);
    pass(500);
    expect(playback.at.value ?? 0).toBeGreaterThan(stood);
    playback.close();
  });

  it("shows what the slowest can show, on all, and goes slower for it", () => {
    const { playback } = rig(3);
    playback.setRate(1);
    answer(NOON);
    deliver(NOON, 4);
    pass(200);
    const slow = FakePlayer.made[1] as FakePlayer;
    for (let n = 1; n <= 20; n++) {
      slow.slow = NOON + 200 + n * 20;
      pass(48);
      const asked = FakePlayer.made.map((one) => one.asked.at(-1) ?? 0);
      expect(Math.max(...asked) - Math.min(...asked)).toBe(0);
      expect((playback.at.value ?? 0) - slow.slow).toBeLessThan(200);
    }
    slow.slow = Number.POSITIVE_INFINITY;
    pass(1000);
    expect((playback.at.value ?? 0) - NOON).toBeGreaterThan(1200);
    playback.close();
  });

  it("waits for one that has stopped, then says so and goes on without it, until it is back", () => {
    const { playback } = rig(2);
    playback.setRate(1);
    answer(NOON);
    deliver(NOON, 0);
    for (let t = 0; t < 9000; t += 40) picture(FEED, NOON + t);
    for (let t = 0; t < 1000; t += 40) picture(FEED + 1, NOON + t);
    pass(1500);
    const stood = playback.at.value ?? 0;
    pass(500);
    expect(playback.at.value).toBe(stood);
    expect(stood - NOON).toBeLessThan(1300);
    pass(3000);
    expect(playback.at.value ?? 0).toBeGreaterThan(stood);
    expect(playback.panes.map((pane) => pane.state.value)).toEqual(["ready", "loading"]);
    for (let t = 1000; t < 9000; t += 40) picture(FEED + 1, NOON + t);
    pass(200);
    expect(playback.panes.map((pane) => pane.state.value)).toEqual(["ready", "ready"]);
    expect(FakePlayer.made[0]?.shown).toBe(FakePlayer.made[1]?.shown);
    playback.close();
  });

  it("stands while the page draws nothing", () => {
    const { playback } = rig(1);
    playback.setRate(1);
    answer(NOON);
    deliver(NOON, 9);
    pass(1000);
    const before = playback.at.value ?? 0;
    now += 5000;
    pass(200);
    expect((playback.at.value ?? 0) - before).toBeLessThan(500);
    playback.close();
  });

  it("shows key frames that are made ready one by one on all at once, fewer of them on a slow machine", () => {
    const { playback } = rig(3);
    playback.setRate(16);
    answer(NOON);
    for (const [n, player] of FakePlayer.made.entries()) {
      player.takes = 50 + n * 150;
      FakeLine.last.opened(n + 1, FEED + n);
      for (let t = 0; t < 60_000; t += 2000) picture(FEED + n, NOON - 1600 + t + n * 400);
    }
    pass(600);
    const seen = new Set<number>();
    let apart = 0;
    for (let n = 0; n < 150; n++) {
      pass(16);
      const shown = FakePlayer.made.map((one) => one.shown ?? 0);
      apart = Math.max(apart, Math.max(...shown) - Math.min(...shown));
      seen.add(shown[0] ?? 0);
    }
    expect(apart).toBeLessThanOrEqual(2000);
    // All along at their speed: what the slowest has no time for is left out.
    expect(Math.max(...seen) - NOON).toBeGreaterThan(30_000);
    expect(seen.size).toBeLessThan(12);
    playback.close();
  });

  it("shows key frames from the first on where each takes longer than the clock stays within its group", () => {
    const { playback } = rig(3);
    playback.setRate(16);
    answer(NOON);
    for (const [n, player] of FakePlayer.made.entries()) {
      player.takes = 300;
      FakeLine.last.opened(n + 1, FEED + n);
      for (let t = 0; t < 240_000; t += 2000) picture(FEED + n, NOON - 1600 + t + n * 400);
    }
    for (let n = 0; n < 80; n++) {
      // A busy page: its screen turns ten times a second.
      now += 84;
      pass(16);
      const shown = FakePlayer.made.map((one) => one.shown ?? NOON);
      expect(Math.max(...shown) - Math.min(...shown)).toBeLessThanOrEqual(2000);
      // The clock does not go on alone.
      expect((playback.at.value ?? 0) - Math.min(...shown)).toBeLessThan(16_000);
    }
    expect(Math.min(...FakePlayer.made.map((one) => one.shown ?? 0)) - NOON).toBeGreaterThan(60_000);
    playback.close();
  });

  it("tells the gateway where it stands while nothing is decoded yet", () => {
    const { playback } = rig(1);
    playback.setRate(16);
    answer(NOON);
    const [player] = FakePlayer.made as [FakePlayer];
    player.takes = 2000;
    const said = () => FakeLine.last.sent.filter((one) => one.type === "reached").length;
    const first = said();
    FakeLine.last.opened(1, FEED);
    for (let t = 0; t < 40_000; t += 2000) picture(FEED, NOON - 500 + t);
    pass(1000);
    expect(player.shown).toBeNull();
    expect(said()).toBeGreaterThan(first + 2);
    expect(last("reached")).toMatchObject({ at: NOON * 1000 });
    playback.close();
  });

  it("takes one in whose key frames come late only when it shows what the others show", () => {
    const { playback } = rig(2);
    playback.setRate(16);
    answer(NOON);
    const deliverKeys = (n: number) => {
      FakeLine.last.opened(n + 1, FEED + n);
      for (let t = 0; t < 90_000; t += 2000) picture(FEED + n, NOON - 1600 + t);
    };
    for (const player of FakePlayer.made) player.takes = 300;
    deliverKeys(0);
    pass(3000);
    const [a, b] = FakePlayer.made as [FakePlayer, FakePlayer];
    expect(a.shown ?? 0).toBeGreaterThan(NOON);
    b.takes = 900;
    deliverKeys(1);
    for (let n = 0; n < 200; n++) {
      pass(16);
      if (playback.panes[1]?.state.value !== "ready") continue;
      expect(Math.abs((a.shown ?? 0) - (b.shown ?? 0))).toBeLessThanOrEqual(2000);
    }
    expect(playback.panes[1]?.state.value).toBe("ready");
    playback.close();
  });

  it("steps back in what is here, as often as it is asked, where all cameras have kept it", () => {
    const { playback } = rig();
    playback.setRate(0);
    answer(NOON, 0);
    deliver(NOON - 400, 1);
    pass(200);
    const [a, b] = FakePlayer.made as [FakePlayer, FakePlayer];
    a.memory = true;
    playback.step(-1);
    // One of them has not: the gateway looks for it.
    expect(last("step")).toMatchObject({ frames: -1 });
    answer(NOON, 0);
    deliver(NOON - 400, 1, FEED + 10);
    pass(200);
    b.memory = true;
    const steps = FakeLine.last.sent.filter((one) => one.type === "step").length;
    // The second comes before the first is on the screen.
    playback.step(-1);
    playback.step(-1);
    pass(32);
    expect([a.shown, b.shown]).toEqual([NOON - 80, NOON - 80]);
    playback.step(1);
    pass(32);
    expect([a.shown, b.shown]).toEqual([NOON - 40, NOON - 40]);
    expect(FakeLine.last.sent.filter((one) => one.type === "step")).toHaveLength(steps);
    expect(last("reached")?.at).toBe((NOON - 40) * 1000);
    playback.close();
  });

  it("asks for the sub stream where the main one cannot be decoded, and says so only then", async () => {
    const { playback } = rig(1);
    playback.setRate(1);
    answer(NOON);
    deliver(NOON, 4);
    pass(200);
    FakePlayer.made[0]?.fail("no such profile");
    await Promise.resolve();
    expect(FakePlayer.made[0]?.closed).toBe(true);
    expect(last("close")).toMatchObject({ tile: 1 });
    expect(last("replay")).toMatchObject({ tile: 1, profile: "sub" });
    FakeLine.last.opened(1, FEED + 5);
    for (let t = 0; t < 4000; t += 40) picture(FEED + 5, NOON + t);
    pass(500);
    expect(playback.panes[0]?.state.value).toBe("ready");
    expect(FakePlayer.made[1]?.shown).toBeGreaterThan(NOON);
    FakePlayer.made[1]?.fail("nor this one");
    await Promise.resolve();
    pass(200);
    expect(playback.panes[0]?.state.value).toBe("cannot-play");
    playback.close();
  });

  it("asks for the sound of one camera when it is to be heard", () => {
    const { playback } = rig(2);
    answer(NOON);
    expect(FakeLine.last.sent.filter((one) => one.type === "replay").map((one) => one.audio)).toEqual([false, false]);
    playback.listen(1);
    expect(last("replay")).toMatchObject({ tile: 2, audio: true });
    playback.listen(0);
    const asked = FakeLine.last.sent.filter((one) => one.type === "replay").slice(-2);
    expect(asked.map((one) => [one.tile, one.audio])).toEqual([
      [1, true],
      [2, false],
    ]);
    playback.close();
  });

  it("tells where the wire is not to be had", () => {
    const { failed, playback } = rig();
    for (let n = 0; n < 4; n++) {
      FakeLine.last.cut();
      pass(50);
    }
    expect(failed).toHaveLength(1);
    playback.close();
  });
});
