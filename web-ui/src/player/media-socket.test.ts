import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { cameraCode, feedId, mediaTicks, utcMicros } from "../domain/ids";
import { encodeHeader } from "../wire/media";
import { ServerClock } from "./clock";
import { MediaSocket, type TileSignal } from "./media-socket";

/** A socket whose other end is the test. */
class Wire {
  static readonly OPEN = 1;
  static made: Wire[] = [];
  readyState = 1;
  binaryType = "";
  sent: { type: string; tile?: number; [key: string]: unknown }[] = [];
  onmessage: ((message: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  constructor(readonly url: string) {
    Wire.made.push(this);
  }
  send(text: string) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.readyState = 3;
  }
  say(value: object) {
    this.onmessage?.({ data: JSON.stringify(value) });
  }
  hello() {
    this.say({ type: "hello", version: 1, now: 1e15, max_tiles: 64 });
  }
  media(feed: number) {
    const header = encodeHeader({
      kind: "fragment",
      key: true,
      discontinuity: false,
      lastOfGroup: false,
      track: 0,
      feed: feedId(feed),
      group: 0,
      frame: 0,
      mediaTime: mediaTicks(0),
      captureTime: utcMicros(1),
    });
    this.onmessage?.({ data: header.buffer });
  }
  types() {
    return this.sent.map((message) => `${message.type} ${message.tile}`);
  }
}

const request = { camera: cameraCode("44140300001320000001"), profile: "sub", priority: "wall" } as const;
let socket: MediaSocket;
let denied: () => void;
const wire = () => Wire.made.at(-1) as Wire;
const opened = (tile: number, feed: number) => ({ type: "opened", tile, feed, profile: "sub", tracks: [] });

beforeEach(() => {
  vi.useFakeTimers();
  Wire.made = [];
  vi.stubGlobal("WebSocket", Wire);
  denied = vi.fn();
  socket = new MediaSocket("ws://test/api/v1/media", new ServerClock(), denied);
});
afterEach(() => {
  socket.shutdown();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("one socket for all tiles", () => {
  it("connects with the first tile and asks after hello", () => {
    expect(Wire.made).toHaveLength(0);
    const a = socket.open(request, () => undefined);
    const b = socket.open(request, () => undefined);
    expect(Wire.made).toHaveLength(1);
    expect(wire().sent).toEqual([]);
    wire().hello();
    expect(wire().types()).toEqual([`open ${a}`, `open ${b}`]);
    expect(wire().sent[0]).toEqual({ type: "open", tile: a, ...request, format: "fmp4", audio: false });
  });
  it("gives media to the tile whose feed it is, also after a switch", () => {
    const heard: TileSignal[] = [];
    const other: TileSignal[] = [];
    const a = socket.open(request, (signal) => heard.push(signal));
    const b = socket.open(request, (signal) => other.push(signal));
    wire().hello();
    heard.length = 0;
    other.length = 0;
    wire().say(opened(a, 7));
    wire().say(opened(b, 8));
    wire().media(7);
    wire().say(opened(a, 9));
    wire().media(7);
    wire().media(9);
    expect(heard.map((signal) => signal.type)).toEqual(["opened", "media", "opened", "media"]);
    expect(other.map((signal) => signal.type)).toEqual(["opened"]);
  });
  it("a closed tile hears nothing more", () => {
    const heard: TileSignal[] = [];
    const a = socket.open(request, (signal) => heard.push(signal));
    wire().hello();
    wire().say(opened(a, 7));
    socket.close(a);
    heard.length = 0;
    wire().media(7);
    wire().say({ type: "lost", tile: a, reason: { code: "cut", text: "" } });
    expect(heard).toEqual([]);
    expect(wire().types()).toContain(`close ${a}`);
  });
  it("survives what it cannot read", () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    socket.open(request, () => undefined);
    wire().hello();
    wire().onmessage?.({ data: "{" });
    wire().onmessage?.({ data: new ArrayBuffer(3) });
    expect(warn).toHaveBeenCalledTimes(2);
  });
});

describe("a connection that ends", () => {
  it("comes back and asks for what is still wanted, with the profile it has now", () => {
    const heard: string[] = [];
    const a = socket.open(request, (signal) => heard.push(signal.type));
    const b = socket.open(request, () => undefined);
    wire().hello();
    socket.profile(a, "main");
    wire().onclose?.({ code: 1001 });
    expect(heard.at(-1)).toBe("disconnected");
    socket.close(b);
    vi.advanceTimersByTime(16_000);
    expect(Wire.made).toHaveLength(2);
    wire().hello();
    expect(wire().sent).toMatchObject([{ type: "open", tile: a, profile: "main" }]);
  });
  it("does not come back when nothing is shown, or after shutdown", () => {
    const a = socket.open(request, () => undefined);
    wire().hello();
    socket.close(a);
    wire().onclose?.({ code: 1006 });
    vi.advanceTimersByTime(60_000);
    expect(Wire.made).toHaveLength(1);
    socket.open(request, () => undefined);
    expect(Wire.made).toHaveLength(2);
    socket.shutdown();
    wire().onclose?.({ code: 1006 });
    vi.advanceTimersByTime(60_000);
    expect(Wire.made).toHaveLength(2);
  });
  it("asks whether the session has ended when it is not allowed", () => {
    socket.open(request, () => undefined);
    wire().onclose?.({ code: 1008 });
    expect(denied).toHaveBeenCalledOnce();
  });
});
