import { afterEach, describe, expect, it, vi } from "vitest";
import { feedId, mediaTicks, utcMicros } from "../domain/ids";
import type { TrackInfo } from "../wire/control";
import type { MediaMessage } from "../wire/media";
import { decodeG711, mdatOf } from "./g711";
import { openSound } from "./sound";
import { PacketClock, together } from "./sound-clock";

const FULL = 32_768;
const box = (type: string, body: number[]): number[] => [
  0,
  0,
  0,
  body.length + 8,
  ...[...type].map((letter) => letter.charCodeAt(0)),
  ...body,
];

describe("G.711", () => {
  it.each([
    ["alaw", 0xd5, 8],
    ["alaw", 0x55, -8],
    ["alaw", 0xaa, 32_256],
    ["alaw", 0x2a, -32_256],
    ["ulaw", 0xff, 0],
    ["ulaw", 0x7f, 0],
    ["ulaw", 0x80, 32_124],
    ["ulaw", 0x00, -32_124],
  ] as const)("%s %i is %i (ITU-T G.711, tables 1 and 2)", (law, byte, value) => {
    expect((decodeG711(law, Uint8Array.of(byte), 1)[0]?.[0] ?? Number.NaN) * FULL).toBeCloseTo(value, 6);
  });
  it.each(["alaw", "ulaw"] as const)("%s: both halves mirror each other, steps rise", (law) => {
    const all = decodeG711(
      law,
      Uint8Array.from({ length: 256 }, (_, i) => i),
      1,
    )[0] as Float32Array;
    for (let byte = 0; byte < 128; byte++) expect(all[byte]).toBeCloseTo(-(all[byte + 128] as number), 9);
    expect(new Set(all).size).toBeGreaterThanOrEqual(255);
  });
  it("takes channels apart and leaves half a sample out", () => {
    const [left, right] = decodeG711("ulaw", Uint8Array.of(0x80, 0x00, 0x80, 0x00, 0x80), 2);
    expect([left?.length, right?.length]).toEqual([2, 2]);
    expect(left?.[0]).toBeGreaterThan(0.9);
    expect(right?.[0]).toBeLessThan(-0.9);
  });
});

describe("the packet in a fragment", () => {
  const read = (bytes: number[]) => {
    const found = mdatOf(Uint8Array.from(bytes));
    return found && [...found];
  };
  it("is the body of mdat, wherever the fragment lies in its message", () => {
    expect(read([...box("moof", [1, 2, 3]), ...box("mdat", [7, 8])])).toEqual([7, 8]);
    const message = Uint8Array.from([9, 9, 9, ...box("mdat", [5])]);
    expect([...(mdatOf(message.subarray(3)) ?? [])]).toEqual([5]);
  });
  it("also in a long box, and in one that goes to the end", () => {
    expect(read([0, 0, 0, 1, 0x6d, 0x64, 0x61, 0x74, 0, 0, 0, 0, 0, 0, 0, 18, 4, 2])).toEqual([4, 2]);
    expect(read([0, 0, 0, 0, 0x6d, 0x64, 0x61, 0x74, 1, 2, 3])).toEqual([1, 2, 3]);
  });
  it("is nothing where boxes do not add up", () => {
    expect(read([])).toBeNull();
    expect(read(box("moof", [1]))).toBeNull();
    expect(read([0, 0, 0, 4, 0x6d, 0x64, 0x61, 0x74])).toBeNull();
    expect(read([0, 0, 0, 99, 0x6d, 0x64, 0x61, 0x74, 1])).toBeNull();
    expect(read([0, 0, 0, 1, 0x6d, 0x64, 0x61, 0x74, 0xff])).toBeNull();
    expect(read([0, 0, 0, 1, 0x6d, 0x64, 0x61, 0x74, 255, 255, 255, 255, 255, 255, 255, 255])).toBeNull();
  });
});

describe("packets on a clock (virtual time)", () => {
  const PACKET = 0.02;
  it("follow each other without a hole or an overlap, with the picture", () => {
    const clock = new PacketClock();
    const starts: number[] = [];
    for (let i = 0; i < 200; i++) {
      const now = 10 + i * PACKET;
      // The picture stands 0.45 s behind what arrives, and its clock trembles by a frame.
      const at = clock.place(500 + i * PACKET, PACKET, 500 + i * PACKET - 0.45 + (i % 2) * 0.04, now);
      if (at !== null) starts.push(at);
    }
    expect(starts).toHaveLength(200);
    for (let i = 1; i < starts.length; i++) {
      expect((starts[i] as number) - (starts[i - 1] as number)).toBeCloseTo(PACKET, 6);
    }
    expect((starts[0] as number) - 10).toBeCloseTo(0.45, 6);
  });
  it("go with a picture that jumped, and never over what is placed", () => {
    const clock = new PacketClock();
    let end = 0;
    let last = 0;
    for (let i = 0; i < 300; i++) {
      const behind = i < 150 ? 1.5 : 0.4;
      const now = i * PACKET;
      const at = clock.place(i * PACKET, PACKET, i * PACKET - behind, now);
      if (at === null) continue;
      expect(at).toBeGreaterThanOrEqual(end - 1e-9);
      end = at + PACKET;
      last = at - now;
    }
    expect(last).toBeCloseTo(0.4, 6);
  });
  it("hold a little back where there is no picture, and begin anew when time jumps", () => {
    const clock = new PacketClock();
    expect(clock.place(100, PACKET, null, 1)).toBeCloseTo(1.3);
    expect(clock.place(100 + PACKET, PACKET, null, 1)).toBeCloseTo(1.3 + PACKET);
    expect(clock.place(9000, PACKET, null, 2)).toBeCloseTo(2.3);
    expect(clock.place(3, PACKET, null, 3)).toBeCloseTo(3.3);
  });
  it("that come too late are not heard", () => {
    const clock = new PacketClock();
    expect(clock.place(10, PACKET, 9.6, 50)).toBeCloseTo(50.4);
    expect(clock.place(10.1, PACKET, 10.8, 51.2)).toBeNull();
  });
});

describe("an element of sound beside the picture", () => {
  const last = { start: 0, end: 20 };
  it("follows small differences by its rate, with hysteresis, large ones by a jump", () => {
    expect(together(0.03, 1, 10, last)).toEqual({ kind: "none" });
    expect(together(0.1, 1, 10, last)).toEqual({ kind: "rate", rate: 1.06 });
    expect(together(0.03, 1.06, 10, last)).toEqual({ kind: "none" });
    expect(together(0.01, 1.06, 10, last)).toEqual({ kind: "rate", rate: 1 });
    expect(together(-0.2, 1, 10, last)).toEqual({ kind: "rate", rate: 0.94 });
    expect(together(2, 1, 10, last)).toEqual({ kind: "seek", to: 12 });
  });
  it("does not jump to where nothing is", () => {
    expect(together(15, 1, 10, last)).toEqual({ kind: "none" });
    expect(together(-2, 1, 1, { start: 0.5, end: 20 })).toEqual({ kind: "none" });
    expect(together(2, 1, 10, undefined)).toEqual({ kind: "none" });
  });
});

describe("G.711 in the page", () => {
  const track: TrackInfo = { track: 1, kind: "audio", codec: "alaw", width: 0, height: 0, rate: 8000, channels: 1 };
  const made: Context[] = [];
  class Context {
    state = "running";
    currentTime = 5;
    started: number[] = [];
    destination = {};
    constructor() {
      made.push(this);
    }
    async resume() {}
    async close() {
      this.state = "closed";
    }
    createBuffer(channels: number, length: number, rate: number) {
      return { channels, length, rate, copyToChannel: vi.fn() };
    }
    createBufferSource() {
      const source = { connect: vi.fn(), disconnect: vi.fn(), stop: vi.fn(), onended: null, buffer: null };
      return { ...source, start: (at: number) => this.started.push(at) };
    }
  }
  const message = (bytes: number[], more: Partial<MediaMessage> = {}): MediaMessage => ({
    kind: "fragment",
    key: false,
    discontinuity: false,
    lastOfGroup: false,
    track: 1,
    feed: feedId(1),
    group: 0,
    frame: 0,
    mediaTime: mediaTicks(90_000),
    captureTime: utcMicros(0),
    payload: Uint8Array.from(bytes),
    ...more,
  });
  afterEach(() => vi.unstubAllGlobals());

  it("is decoded here and placed with the picture; close closes the context", () => {
    vi.stubGlobal("AudioContext", Context);
    const sound = openSound(
      track,
      "fmp4",
      () => 0.6,
      () => undefined,
    );
    const context = made.at(-1) as Context;
    sound?.push(message(box("mdat", [0xd5, 0xd5])));
    sound?.push(message(box("mdat", [0xd5]), { track: 0 }));
    sound?.push(message([1, 2, 3]));
    sound?.push(message(box("moov", []), { kind: "initialisation" }));
    expect(context.started).toHaveLength(1);
    expect(context.started[0]).toBeCloseTo(5.4);
    sound?.close();
    expect(context.state).toBe("closed");
  });
  it("waits while the browser does not let it sound", () => {
    vi.stubGlobal("AudioContext", Context);
    const sound = openSound(
      track,
      "fmp4",
      () => null,
      () => undefined,
    );
    const context = made.at(-1) as Context;
    context.state = "suspended";
    sound?.push(message(box("mdat", [0xd5])));
    expect(context.started).toHaveLength(0);
    sound?.close();
  });
  it("of bare AAC is decoded by WebCodecs, and goes with the picture the same way", () => {
    vi.stubGlobal("AudioContext", Context);
    const decoders: Audio[] = [];
    let left = 0;
    class Audio {
      state = "unconfigured";
      configured: object[] = [];
      constructor(readonly events: { output: (data: object) => void; error: (error: Error) => void }) {
        decoders.push(this);
      }
      configure(config: object) {
        this.configured.push(config);
      }
      decode(chunk: { timestamp: number }) {
        left += 1;
        this.events.output({
          timestamp: chunk.timestamp,
          numberOfFrames: 160,
          numberOfChannels: 1,
          sampleRate: 16_000,
          copyTo: () => undefined,
          close: () => {
            left -= 1;
          },
        });
      }
      close() {
        this.state = "closed";
      }
    }
    vi.stubGlobal("AudioDecoder", Audio);
    vi.stubGlobal("EncodedAudioChunk", function (this: object, fields: object) {
      Object.assign(this, fields);
    });
    const errors: string[] = [];
    const sound = openSound(
      { ...track, codec: "mp4a.40.2", rate: 16_000 },
      "raw",
      () => 0.6,
      (error) => errors.push(error),
    );
    const context = made.at(-1) as Context;
    const unit = message([1, 2, 3], { kind: "access-unit" });
    sound?.push(unit);
    sound?.push(message([0x14, 0x08], { kind: "initialisation" }));
    sound?.push(message([0x14, 0x08], { kind: "initialisation" }));
    sound?.push(unit);
    expect(decoders[0]?.configured).toMatchObject([{ codec: "mp4a.40.2", description: Uint8Array.from([0x14, 0x08]) }]);
    expect(context.started).toHaveLength(1);
    expect(context.started[0]).toBeCloseTo(5.4);
    decoders[0]?.events.error(new Error("decode"));
    expect(errors).toEqual(["Error: decode"]);
    sound?.close();
    expect([context.state, decoders[0]?.state, left]).toEqual(["closed", "closed", 0]);
  });
  it("is unplayable where there is no WebAudio", () => {
    vi.stubGlobal("AudioContext", undefined);
    expect(
      openSound(
        track,
        "fmp4",
        () => null,
        () => undefined,
      ),
    ).toBeNull();
  });
});
