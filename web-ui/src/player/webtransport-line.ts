/**
 * A line over WebTransport: control messages on one bidirectional stream, every group of a track on a stream of its own, all
 * read side by side (docs/reference/wire.md). A lost packet holds up one group of one camera, not the wall.
 */
import { type FeedId, type MonoMillis, monoMillis } from "../domain/ids";
import { decodeMedia, type MediaMessage } from "../wire/media";
import { GroupOrder, Splitter } from "./groups";
import { CLOSED, type Line, type LineEvents } from "./line";

/** What `POST /api/v1/media/ticket` answers. */
export interface Ticket {
  readonly ticket: string;
  /** Whether the gateway listens for WebTransport at all. */
  readonly webtransport: boolean;
  /** Hashes of the certificates that it may show on that port. */
  readonly certificates?: readonly { readonly algorithm: string; readonly value: string }[];
}
/** A ticket, or the status of the refusal (0: unreachable). */
export type GetTicket = () => Promise<Ticket | number>;

/** How often it is looked whether a group has waited long enough, ms. */
const LATE_MS = 100;
/** A control line may be this long; the gateway's longest is far below. */
const MOST_LINE_CHARS = 1024 * 1024;

/**
 * Whether this page could use it: a browser that has it, on a secure origin. WebKit's loses streams and is left alone, on iOS in
 * every browser.
 */
export const haveWebTransport = (): boolean =>
  typeof WebTransport !== "undefined" &&
  globalThis.isSecureContext !== false &&
  !globalThis.navigator?.vendor?.startsWith("Apple");

export class WebTransportLine implements Line {
  readonly kind = "webtransport";
  #transport: WebTransport | null = null;
  #writer: WritableStreamDefaultWriter<Uint8Array> | null = null;
  #order: GroupOrder;
  /** How often a feed was let go of: what a stream from before still brings is not for the tile that opens it anew. */
  #epochs = new Map<FeedId, number>();
  #late: ReturnType<typeof setInterval> | undefined;
  #over = false;

  /** `patienceMs`: the greatest delay that the gateway was asked for. */
  constructor(
    url: string,
    ticket: GetTicket,
    patienceMs: number,
    private readonly events: LineEvents,
  ) {
    this.#order = new GroupOrder(patienceMs);
    void this.#run(url, ticket).catch((error: unknown) => this.#end(CLOSED.abnormal, String(error)));
  }

  send(text: string): void {
    // What cannot be written any more is told by the end of the transport.
    this.#writer?.write(new TextEncoder().encode(`${text}\n`)).catch(() => undefined);
  }

  forget(feed: FeedId): void {
    this.#order.forget(feed);
    this.#epochs.set(feed, (this.#epochs.get(feed) ?? 0) + 1);
  }

  close(): void {
    if (this.#over) return;
    this.#drop();
  }

  async #run(url: string, getTicket: GetTicket): Promise<void> {
    const ticket = await getTicket();
    if (this.#over) return;
    if (typeof ticket === "number") {
      this.#end(ticket === 401 || ticket === 403 ? CLOSED.notAllowed : CLOSED.abnormal, `ticket: status ${ticket}`);
      return;
    }
    if (!ticket.webtransport) {
      this.#end(CLOSED.none, "the gateway has no WebTransport");
      return;
    }
    const hashes = (ticket.certificates ?? []).map(({ algorithm, value }) => ({ algorithm, value: fromBase64(value) }));
    const transport = new WebTransport(url, hashes.length > 0 ? { serverCertificateHashes: hashes } : {});
    this.#transport = transport;
    transport.closed.then(
      (info) => this.#end(info.closeCode || CLOSED.abnormal, info.reason ?? ""),
      (error: unknown) => this.#end(CLOSED.abnormal, String(error)),
    );
    await transport.ready;
    if (this.#over) return;
    this.#late = setInterval(() => this.#hand(this.#order.late(clock())), LATE_MS);
    const control = await transport.createBidirectionalStream();
    if (this.#over) return;
    this.#writer = control.writable.getWriter();
    this.send(JSON.stringify({ type: "auth", token: ticket.ticket }));
    void this.#streams(transport).catch(() => undefined);
    await this.#lines(control.readable);
    this.#end(CLOSED.abnormal, "the control stream ended");
  }

  async #lines(readable: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    const reader = readable.getReader();
    let text = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done || this.#over) return;
      text += decoder.decode(value, { stream: true });
      for (let end = text.indexOf("\n"); end >= 0 && !this.#over; end = text.indexOf("\n")) {
        const line = text.slice(0, end);
        text = text.slice(end + 1);
        if (line) this.events.text(line);
      }
      if (text.length > MOST_LINE_CHARS) throw new Error(`a control line of more than ${MOST_LINE_CHARS} characters`);
    }
  }

  async #streams(transport: WebTransport): Promise<void> {
    const reader = (transport.incomingUnidirectionalStreams as ReadableStream<ReadableStream<Uint8Array>>).getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done || this.#over) return;
      void this.#group(value);
    }
  }

  /** One stream to its end: its last byte, or its reset by the gateway because it was too late. */
  async #group(stream: ReadableStream<Uint8Array>): Promise<void> {
    const reader = stream.getReader();
    const splitter = new Splitter();
    let last: MediaMessage | null = null;
    let epoch: number | undefined;
    try {
      for (;;) {
        const { value, done } = await reader.read();
        if (done || this.#over) break;
        const messages = splitter.push(value);
        if (typeof messages === "string") throw new Error(messages);
        for (const buffer of messages) {
          const decoded = decodeMedia(buffer);
          if (!decoded.ok) throw new Error(decoded.error);
          const now = this.#epochs.get(decoded.message.feed);
          if (last && epoch !== now) {
            // Says so to the gateway, which stops sending it.
            void reader.cancel().catch(() => undefined);
            return;
          }
          epoch = now;
          last = decoded.message;
          this.#hand(this.#order.media(clock(), last));
        }
      }
    } catch (error) {
      // A reset is how the gateway leaves out what is too late, and no fault; anything else is what was read.
      if (!this.#over && !(error instanceof Error && error.name === "WebTransportError")) {
        console.warn(`media line: a group's stream: ${String(error)}`);
        void reader.cancel().catch(() => undefined);
      }
    }
    if (last && !this.#over) this.#hand(this.#order.ended(clock(), last.feed, last.track, last.group));
  }

  #hand(messages: readonly MediaMessage[]): void {
    for (const message of messages) {
      if (this.#over) return;
      this.events.media(message);
    }
  }

  #end(code: number, why: string): void {
    if (this.#over) return;
    this.#drop();
    this.events.closed(code, why);
  }

  #drop(): void {
    this.#over = true;
    clearInterval(this.#late);
    this.#writer = null;
    const transport = this.#transport;
    this.#transport = null;
    try {
      transport?.close({ closeCode: CLOSED.done, reason: "" });
    } catch {
      // It was not open yet, or is closed already.
    }
  }
}

const clock = (): MonoMillis => monoMillis(performance.now());

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}
