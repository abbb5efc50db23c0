import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { feedId, mediaTicks, utcMicros } from "../domain/ids";
import { encodeHeader } from "../wire/media";
import { CLOSED, type LineEvents } from "./line";
import { haveWebTransport, type Ticket, WebTransportLine } from "./webtransport-line";

type Bytes = Uint8Array<ArrayBuffer>;
type Push = ReadableStreamDefaultController<Bytes>;

/** What a browser has, its other end the test. */
class Transport {
  static last: Transport;
  ready: Promise<void>;
  closed: Promise<{ closeCode?: number; reason?: string }>;
  begin!: () => void;
  end!: (info: { closeCode?: number; reason?: string }) => void;
  fail!: (error: Error) => void;
  closedWith: unknown = null;
  said = "";
  control!: Push;
  groups!: ReadableStreamDefaultController<ReadableStream<Bytes>>;
  incomingUnidirectionalStreams = new ReadableStream<ReadableStream<Bytes>>({ start: (to) => void (this.groups = to) });
  constructor(
    readonly url: string,
    readonly options: { serverCertificateHashes?: { algorithm: string; value: Bytes }[] },
  ) {
    Transport.last = this;
    this.ready = new Promise((resolve) => {
      this.begin = resolve;
    });
    this.closed = new Promise((resolve, reject) => {
      this.end = resolve;
      this.fail = reject;
    });
  }
  async createBidirectionalStream() {
    return {
      readable: new ReadableStream<Bytes>({ start: (to) => void (this.control = to) }),
      writable: new WritableStream<Bytes>({
        write: (bytes) => {
          this.said += new TextDecoder().decode(bytes);
        },
      }),
    };
  }
  close(info: unknown) {
    this.closedWith = info;
  }
  group(): Push {
    let push!: Push;
    this.groups.enqueue(new ReadableStream<Bytes>({ start: (to) => void (push = to) }));
    return push;
  }
}

const TICKET: Ticket = {
  ticket: "once",
  webtransport: true,
  certificates: [{ algorithm: "sha-256", value: btoa("\u0001\u0002\u0003") }],
};
let heard: string[];
let closed: [number, string][];
const events: LineEvents = {
  text: (text) => heard.push(text),
  media: (message) => heard.push(`${message.feed}:${message.group}.${message.frame}`),
  closed: (code, why) => closed.push([code, why]),
};
const settle = async () => {
  for (let i = 0; i < 30; i++) await Promise.resolve();
};
const bytes = (text: string) => new TextEncoder().encode(text) as Bytes;
function message(feed: number, group: number, frame: number): Bytes {
  const header = encodeHeader({
    kind: "fragment",
    key: frame === 0,
    discontinuity: false,
    lastOfGroup: false,
    track: 0,
    feed: feedId(feed),
    group,
    frame,
    mediaTime: mediaTicks(0),
    captureTime: utcMicros(0),
  });
  const out = new Uint8Array(4 + header.byteLength + 2);
  new DataView(out.buffer).setUint32(0, header.byteLength + 2);
  out.set(header, 4);
  return out;
}
async function connected(ticket: Ticket | number = TICKET) {
  const line = new WebTransportLine("https://test/api/v1/media", async () => ticket, 1500, events);
  await settle();
  if (typeof ticket !== "number" && ticket.webtransport) {
    Transport.last.begin();
    await settle();
  }
  return line;
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("WebTransport", Transport);
  heard = [];
  closed = [];
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe("a line over WebTransport", () => {
  it("begins with its ticket, by the hashes that came with it", async () => {
    const line = await connected();
    expect(Transport.last.url).toBe("https://test/api/v1/media");
    expect(Transport.last.options.serverCertificateHashes).toEqual([
      { algorithm: "sha-256", value: Uint8Array.from([1, 2, 3]) },
    ]);
    line.send('{"type":"close","tile":0}');
    await settle();
    expect(Transport.last.said).toBe('{"type":"auth","token":"once"}\n{"type":"close","tile":0}\n');
    line.close();
    expect(Transport.last.closedWith).toEqual({ closeCode: 1000, reason: "" });
  });
  it("without a listed certificate it is the one of the page", async () => {
    const line = await connected({ ...TICKET, certificates: [] });
    expect(Transport.last.options).toEqual({});
    line.close();
  });
  it("reads control lines however they are cut", async () => {
    const line = await connected();
    const text = bytes('{"a":"县"}\n{"b":2}\n{"c"');
    for (const byte of text) Transport.last.control.enqueue(Uint8Array.from([byte]));
    await vi.advanceTimersByTimeAsync(1);
    Transport.last.control.enqueue(bytes(":3}\n"));
    await vi.advanceTimersByTimeAsync(1);
    expect(heard).toEqual(['{"a":"县"}', '{"b":2}', '{"c":3}']);
    line.close();
  });
  it("reads the groups side by side, and hands them on in order", async () => {
    const line = await connected();
    const first = Transport.last.group();
    const second = Transport.last.group();
    const other = Transport.last.group();
    first.enqueue(message(7, 3, 0));
    await settle();
    second.enqueue(message(7, 4, 0));
    other.enqueue(message(8, 1, 0));
    await settle();
    expect(heard).toEqual(["7:3.0", "8:1.0"]);
    const whole = message(7, 3, 1);
    first.enqueue(whole.slice(0, 10));
    first.enqueue(whole.slice(10));
    await settle();
    first.close();
    await settle();
    expect(heard).toEqual(["7:3.0", "8:1.0", "7:3.1", "7:4.0"]);
    line.close();
  });
  it("a group that is cut off gives way to the next without a word", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const line = await connected();
    const first = Transport.last.group();
    const second = Transport.last.group();
    first.enqueue(message(7, 3, 0));
    await settle();
    second.enqueue(message(7, 4, 0));
    await settle();
    first.error(Object.assign(new Error("reset"), { name: "WebTransportError", streamErrorCode: 1 }));
    await settle();
    expect(heard).toEqual(["7:3.0", "7:4.0"]);
    expect(warn).not.toHaveBeenCalled();
    expect(closed).toEqual([]);
    line.close();
  });
  it("one that stays on the way is given up after the greatest delay", async () => {
    const line = await connected();
    const first = Transport.last.group();
    const second = Transport.last.group();
    first.enqueue(message(7, 3, 0));
    await settle();
    second.enqueue(message(7, 4, 0));
    await vi.advanceTimersByTimeAsync(1400);
    expect(heard).toEqual(["7:3.0"]);
    await vi.advanceTimersByTimeAsync(300);
    expect(heard).toEqual(["7:3.0", "7:4.0"]);
    line.close();
  });
  it("what a stream from before still brings is not for the tile that opens the feed anew", async () => {
    const line = await connected();
    const old = Transport.last.group();
    old.enqueue(message(7, 3, 0));
    await settle();
    line.forget(feedId(7));
    const fresh = Transport.last.group();
    fresh.enqueue(message(7, 3, 0));
    await settle();
    old.enqueue(message(7, 3, 1));
    await settle();
    fresh.enqueue(message(7, 3, 1));
    await settle();
    expect(heard).toEqual(["7:3.0", "7:3.0", "7:3.1"]);
    expect(() => old.enqueue(message(7, 3, 2))).toThrow();
    line.close();
  });
  it("a stream of rubbish harms itself only", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const line = await connected();
    const bad = Transport.last.group();
    const good = Transport.last.group();
    bad.enqueue(Uint8Array.from([255, 255, 255, 255]));
    good.enqueue(message(7, 3, 0));
    await settle();
    expect(heard).toEqual(["7:3.0"]);
    expect(warn).toHaveBeenCalledOnce();
    expect(closed).toEqual([]);
    line.close();
  });
});

describe("a browser", () => {
  it("with it, on a secure origin, is one that uses it; WebKit is not", () => {
    expect(haveWebTransport()).toBe(true);
    const vendor = vi.spyOn(navigator, "vendor", "get").mockReturnValue("Apple Computer, Inc.");
    expect(haveWebTransport()).toBe(false);
    vendor.mockReturnValue("Google Inc.");
    expect(haveWebTransport()).toBe(true);
    vi.stubGlobal("isSecureContext", false);
    expect(haveWebTransport()).toBe(false);
    vi.stubGlobal("isSecureContext", true);
    vi.stubGlobal("WebTransport", undefined);
    expect(haveWebTransport()).toBe(false);
  });
});

describe("its end", () => {
  it("by the gateway comes with its code", async () => {
    await connected();
    Transport.last.end({ closeCode: 1008, reason: "the session ended" });
    await settle();
    expect(closed).toEqual([[1008, "the session ended"]]);
  });
  it("by the network is abnormal, told once", async () => {
    await connected();
    Transport.last.fail(new Error("timed out"));
    Transport.last.control.close();
    await settle();
    expect(closed).toEqual([[CLOSED.abnormal, "Error: timed out"]]);
  });
  it("a gateway without UDP is known before anything is tried", async () => {
    await connected({ ticket: "x", webtransport: false });
    expect(closed).toEqual([[CLOSED.none, "the gateway has no WebTransport"]]);
  });
  it.each([
    [401, CLOSED.notAllowed],
    [0, CLOSED.abnormal],
    [503, CLOSED.abnormal],
  ])("a ticket refused with %i", async (status, code) => {
    await connected(status);
    expect(closed.map(([one]) => one)).toEqual([code]);
  });
  it("is not told when the page ended it, not even before it began", async () => {
    const line = new WebTransportLine("https://test/api/v1/media", async () => TICKET, 1500, events);
    line.close();
    await settle();
    const other = await connected();
    other.close();
    Transport.last.fail(new Error("closed"));
    await settle();
    expect(closed).toEqual([]);
  });
});
