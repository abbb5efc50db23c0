import { afterEach, describe, expect, it, vi } from "vitest";
import { feedId, mediaTicks, utcMicros } from "../domain/ids";
import type { MediaMessage } from "../wire/media";
import { canPlay, MsePlayer, mediaSourceClass } from "./mse";
import { browser, INIT, Source, unbrowser } from "./testing";

/** As iOS has it: it says when it takes data. */
class Managed extends Source {
  static last: Managed;
  static override isTypeSupported(type: string) {
    return type.includes("hvc1");
  }
  streaming = false;
  constructor() {
    super();
    Managed.last = this;
  }
  start(on: boolean) {
    this.streaming = on;
    this.dispatchEvent(new Event(on ? "startstreaming" : "endstreaming"));
  }
}

const message = (frame: number, more: Partial<MediaMessage> = {}): MediaMessage => ({
  kind: "fragment",
  key: frame === 0,
  discontinuity: false,
  lastOfGroup: false,
  track: 0,
  feed: feedId(1),
  group: 0,
  frame,
  mediaTime: mediaTicks(90_000 + frame * 3600),
  captureTime: utcMicros(frame),
  payload: new Uint8Array([1]),
  ...more,
});
const init = (track: 0 | 1 = 0) => message(0, { kind: "initialisation", track, payload: INIT });
const settle = () => vi.advanceTimersByTimeAsync(1);
const events = () => ({ onFrame: vi.fn(), onError: vi.fn() });

afterEach(unbrowser);

describe("ManagedMediaSource, where there is no other", () => {
  it("is taken, and remote playback is off, without which it does not open", () => {
    browser({ media: false, managed: Managed });
    expect(mediaSourceClass()).toBe(Managed);
    expect([canPlay("hvc1.1.6.L93"), canPlay("avc1.42c01e")]).toEqual([true, false]);
    const player = new MsePlayer("hvc1.1.6.L93", events());
    expect(player.video.disableRemotePlayback).toBe(true);
    expect(player.video.playsInline).toBe(true);
    player.close();
  });
  it("gets data only while it asks for it, and then all that waited from a key frame on", async () => {
    browser({ media: false, managed: Managed });
    const player = new MsePlayer("hvc1.1.6.L93", events());
    await settle();
    player.push(init());
    for (let frame = 0; frame < 10; frame++) player.push(message(frame));
    await settle();
    const buffer = Managed.last.buffers[0];
    expect(buffer?.appended).toBe(0);
    Managed.last.start(true);
    await settle();
    expect(buffer?.appended).toBe(2);
    expect(buffer?.end).toBeCloseTo(0.4);
    Managed.last.start(false);
    player.push(message(10));
    await settle();
    expect(buffer?.end).toBeCloseTo(0.4);
    player.close();
    Managed.last.start(true);
    await settle();
    expect(buffer?.end).toBeCloseTo(0.4);
  });
  it("is not taken where there is a plain one, and nothing plays where there is neither", () => {
    browser({ managed: Managed });
    expect(mediaSourceClass()).toBe(Source);
    unbrowser();
    browser({ media: false });
    expect(mediaSourceClass()).toBeNull();
    expect(canPlay("avc1.42c01e")).toBe(false);
    expect(() => new MsePlayer("avc1.42c01e", events())).toThrow("no MediaSource");
  });
});

describe("a track in an element", () => {
  it("of pictures is mute and takes no sound; of sound it is the other way round", async () => {
    browser();
    const picture = new MsePlayer("avc1.42c01e", events());
    const sound = new MsePlayer("mp4a.40.2", { ...events(), picture: () => null });
    expect([picture.video.muted, sound.video.muted]).toEqual([true, false]);
    await settle();
    for (const player of [picture, sound]) {
      player.push(init(0));
      player.push(init(1));
      // Sound has no key frames by the wire, and can be started from anywhere.
      player.push(message(3, { track: 1, key: false }));
      await settle();
    }
    expect(Source.made.map((one) => one.buffers[0]?.appended)).toEqual([1, 2]);
    picture.close();
    sound.close();
  });
  it("sound goes to where the picture is", async () => {
    browser();
    let picture: number | null = null;
    const sound = new MsePlayer("mp4a.40.2", { ...events(), picture: () => picture });
    await settle();
    sound.push(init(1));
    for (let frame = 0; frame < 100; frame++) sound.push(message(frame, { track: 1 }));
    await vi.advanceTimersByTimeAsync(450);
    // The feed's second 1 is the element's 0; the picture is two seconds on.
    picture = 3;
    await vi.advanceTimersByTimeAsync(250);
    expect(sound.video.currentTime).toBeCloseTo(2);
    picture = 3.2;
    await vi.advanceTimersByTimeAsync(250);
    expect(sound.video.playbackRate).toBeGreaterThan(1);
    picture = 3;
    await vi.advanceTimersByTimeAsync(250);
    expect(sound.video.playbackRate).toBe(1);
    sound.close();
  });
  it("bare access units are not for it, nor their configuration", async () => {
    browser();
    const told = events();
    const player = new MsePlayer("avc1.42c01e", told);
    await settle();
    player.push(message(0, { kind: "initialisation", payload: new Uint8Array([1, 100, 0, 22]) }));
    player.push(message(0, { kind: "access-unit" }));
    await settle();
    expect(Source.made[0]?.buffers[0]?.appended).toBe(0);
    player.close();
  });
  it("a full buffer drops what it was given and goes on; any other error is told", async () => {
    browser();
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const told = events();
    const player = new MsePlayer("avc1.42c01e", told);
    await settle();
    player.push(init());
    await settle();
    const buffer = Source.made[0]?.buffers[0];
    if (!buffer) throw new Error("no buffer");
    buffer.fails = new DOMException("full", "QuotaExceededError");
    player.push(message(0));
    await settle();
    expect(told.onError).not.toHaveBeenCalled();
    expect(warn).toHaveBeenCalledOnce();
    buffer.fails = new Error("decode");
    player.push(message(1));
    await settle();
    expect(told.onError).toHaveBeenCalledOnce();
    player.close();
  });
});
