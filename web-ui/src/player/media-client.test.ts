import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { cameraCode } from "../domain/ids";
import { ServerClock } from "./clock";
import { MediaClient, type TileSignal } from "./media-client";
import { socketWay, Wire } from "./testing";

const request = { camera: cameraCode("44140300001320000001"), profile: "sub", priority: "wall" } as const;
let socket: MediaClient;
let denied: () => void;
const wire = () => Wire.last;
const opened = (tile: number, feed: number) => ({ type: "opened", tile, feed, profile: "sub", tracks: [] });

beforeEach(() => {
  vi.useFakeTimers();
  Wire.made = [];
  vi.stubGlobal("WebSocket", Wire);
  denied = vi.fn();
  socket = new MediaClient(socketWay, new ServerClock(), denied);
});
afterEach(() => {
  socket.shutdown();
  vi.restoreAllMocks();
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
    expect(wire().sent[0]).toEqual({ type: "delay", max_ms: 1500 });
    expect(wire().sent[1]).toEqual({ type: "open", tile: a, ...request, format: "fmp4", audio: false });
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
    expect(wire().sent.slice(1)).toMatchObject([{ type: "open", tile: a, profile: "main" }]);
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

describe("a path that is cut without a word", () => {
  const silence = (ms: number) => vi.advanceTimersByTimeAsync(ms);
  it("is noticed: silence is asked about, then believed", async () => {
    const heard: string[] = [];
    const a = socket.open(request, (signal) => heard.push(signal.type));
    wire().hello();
    wire().answers = false;
    await silence(11_000);
    expect(wire().types().at(-1)).toBe("close 0");
    expect(heard).not.toContain("disconnected");
    await silence(14_000);
    expect(heard).toContain("disconnected");
    while (Wire.open === 0) await silence(100);
    expect(Wire.made).toHaveLength(2);
    wire().hello();
    expect(wire().sent.slice(1)).toMatchObject([{ type: "open", tile: a }]);
  });
  it("is not believed of a gateway that only has nothing to say", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    socket.open(request, () => undefined);
    wire().hello();
    await silence(300_000);
    expect(Wire.made).toHaveLength(1);
    expect(
      wire()
        .types()
        .filter((text) => text === "close 0").length,
    ).toBeGreaterThan(5);
    expect(warn).not.toHaveBeenCalled();
  });
  it("nor after a sleep, until it was asked", async () => {
    socket.open(request, () => undefined);
    wire().hello();
    const start = performance.now();
    vi.spyOn(performance, "now").mockReturnValue(start + 3_600_000);
    await silence(2000);
    expect(wire().types().at(-1)).toBe("close 0");
    expect(Wire.made).toHaveLength(1);
  });
  it("a connection that never says hello is given up", async () => {
    socket.open(request, () => undefined);
    await silence(60_000);
    expect(Wire.made.length).toBeGreaterThan(1);
  });
  it("ends its waiting when the network is back", async () => {
    socket.open(request, () => undefined);
    wire().hello();
    wire().cut();
    expect(Wire.made).toHaveLength(1);
    dispatchEvent(new Event("online"));
    expect(Wire.made).toHaveLength(2);
    wire().hello();
    dispatchEvent(new Event("online"));
    expect(wire().types()).toContain("close 0");
  });
});

describe("a page with nothing to show", () => {
  it("lets the connection go after a while, and makes another when it must", async () => {
    const a = socket.open(request, () => undefined);
    wire().hello();
    socket.close(a);
    expect(socket.connected).toBe(true);
    await vi.advanceTimersByTimeAsync(5000);
    const b = socket.open(request, () => undefined);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(socket.connected).toBe(true);
    socket.close(b);
    await vi.advanceTimersByTimeAsync(11_000);
    expect(socket.connected).toBe(false);
    expect(Wire.open).toBe(0);
    socket.open(request, () => undefined);
    expect(Wire.made).toHaveLength(2);
  });
});
