import { describe, expect, it } from "vitest";
import { AHEAD, type Decoded, FrameQueue } from "./frame-queue";

class Frame implements Decoded {
  static open = 0;
  constructor(readonly time: number) {
    Frame.open += 1;
  }
  close() {
    Frame.open -= 1;
  }
}
const bytes = new Uint8Array(1000);
const STEP = 40;

/** A decoder that gives everything at once, and a screen that notes what it was given. */
class Rig {
  queue: FrameQueue<Frame>;
  shown: number[] = [];
  constructor(back = false) {
    Frame.open = 0;
    this.queue = new FrameQueue<Frame>(back);
  }
  push(from: number, to: number, gop = 1000) {
    for (let time = from; time < to; time += STEP)
      this.queue.push({ time, key: time % gop === 0, bytes, head: null }, 0);
  }
  show(at: number, mono = 0) {
    for (let piece = this.queue.next(at); piece; piece = this.queue.next(at)) this.queue.out(new Frame(piece.time));
    const frame = this.queue.pick(at, mono);
    frame?.close();
    if (frame) this.shown.push(frame.time);
  }
}

describe("which picture is shown", () => {
  it("each at its time, once, and a bounded number is decoded ahead", () => {
    const rig = new Rig();
    rig.push(0, 4000);
    for (let at = 0; at < 3000; at += 16) {
      rig.show(at);
      expect(Frame.open).toBeLessThanOrEqual(AHEAD);
    }
    expect(rig.shown).toEqual(Array.from({ length: 75 }, (_, n) => n * STEP));
    rig.queue.clear();
    expect(Frame.open).toBe(0);
  });

  it("a seek into a group shows the picture of the moment and none on the way", () => {
    const rig = new Rig();
    rig.push(0, 600);
    rig.show(900);
    expect(rig.shown).toEqual([]);
    expect(rig.queue.seeking).toBe(true);
    rig.push(600, 1200);
    rig.show(900);
    expect(rig.shown).toEqual([880]);
    expect(rig.queue.shown).toBe(880);
  });

  it("at the end of what is recorded the last picture is the one", () => {
    const rig = new Rig();
    rig.push(0, 600);
    rig.show(900, 0);
    expect(rig.shown).toEqual([]);
    // A page that was busy for a second has not looked at what came meanwhile.
    rig.show(900, 1000);
    expect(rig.shown).toEqual([]);
    for (let mono = 1020; mono < 2000; mono += 20) rig.show(900, mono);
    expect(rig.shown).toEqual([560]);
  });

  it("backwards key frames come one by one", () => {
    const rig = new Rig(true);
    for (let time = 9000; time >= 0; time -= 1000) rig.queue.push({ time, key: true, bytes, head: null }, 0);
    for (let at = 9500; at > 0; at -= 100) {
      rig.show(at);
      expect(Frame.open).toBeLessThanOrEqual(AHEAD);
      // Each at its own time and not before.
      expect(rig.shown.at(-1)).toBe(Math.floor(at / 1000) * 1000);
    }
    expect(rig.shown).toEqual([9000, 8000, 7000, 6000, 5000, 4000, 3000, 2000, 1000, 0]);
  });

  it("on a machine that is too slow it goes on at the newest key frame that is due", () => {
    const rig = new Rig();
    rig.push(0, 8000);
    rig.show(0);
    rig.show(6500);
    expect(rig.shown.at(-1)).toBe(6480);
    expect(rig.queue.left).toBeGreaterThan(100);
  });

  it("knows how far it is behind what is here", () => {
    const rig = new Rig();
    rig.push(0, 4000);
    rig.show(0);
    expect(rig.queue.lag(0)).toBe(0);
    expect(rig.queue.lag(20)).toBe(0);
    expect(rig.queue.lag(210)).toBe(200);
    rig.show(210);
    expect(rig.queue.lag(210)).toBe(0);
    expect(rig.queue.lag(9000)).toBe(3960 - 200);
  });

  it("knows up to where it could show what is right", () => {
    const rig = new Rig();
    rig.push(0, 4000);
    expect(rig.queue.reach(500)).toBe(500);
    rig.show(0);
    expect(rig.queue.spacing).toBe(STEP);
    // Five are decoded ahead of what is shown.
    expect(rig.queue.reach(150)).toBe(150);
    const reach = rig.queue.reach(400);
    expect(reach).toBeLessThan(AHEAD * STEP);
    expect(reach).toBeGreaterThan((AHEAD - 1) * STEP);
    rig.show(400);
    expect(rig.queue.reach(400)).toBe(400);
    expect(rig.queue.reach(420)).toBe(420);
    expect(rig.queue.reach(9000)).toBeLessThan(400 + AHEAD * STEP);
  });

  it("reaches no further than to the end of the last picture that is here", () => {
    const rig = new Rig();
    rig.push(0, 120);
    for (let at = 0; at <= 200; at += 20) rig.show(at, 1000 + at);
    expect(rig.queue.shown).toBe(80);
    expect(rig.queue.reach(100)).toBe(100);
    expect(rig.queue.reach(5000)).toBeCloseTo(120, 1);
  });

  it("knows what comes next", () => {
    const rig = new Rig();
    rig.push(0, 400);
    rig.show(0);
    expect(rig.queue.after(0)).toBe(40);
    expect(rig.queue.after(130)).toBe(160);
    expect(rig.queue.after(360)).toBe(null);
  });

  it("what comes out of order is shown in order", () => {
    const rig = new Rig();
    for (const time of [0, 120, 40, 80, 240, 160, 200]) rig.queue.push({ time, key: time === 0, bytes, head: null }, 0);
    for (let at = 0; at <= 240; at += 20) rig.show(at);
    expect(rig.shown).toEqual([0, 40, 80, 120, 160, 200, 240]);
  });
});
