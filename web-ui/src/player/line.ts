/**
 * One connection to the gateway, by whatever way: control messages as text, media in order. It says what it hears and does
 * not come back by itself; who holds it (`media-client.ts`) decides what is next.
 */
import type { FeedId } from "../domain/ids";
import { decodeMedia, type MediaMessage } from "../wire/media";

export type LineKind = "webtransport" | "websocket";

export interface LineEvents {
  text(text: string): void;
  media(message: MediaMessage): void;
  /** It is over, by the other end or by the network; not called after `close`. `why` is for the log. */
  closed(code: number, why: string): void;
}

export interface Line {
  readonly kind: LineKind;
  /** One control message. Without effect before the line is open and after it ended. */
  send(text: string): void;
  /** Nothing more of this feed is wanted, or it begins anew. */
  forget(feed: FeedId): void;
  /** Ends it. No event comes after this. */
  close(): void;
}

/** Close codes of the wire that are acted upon. */
export const CLOSED = {
  done: 1000,
  leaving: 1001,
  abnormal: 1006,
  /** The session has ended, or was never allowed. Coming back with the same cookie changes nothing. */
  notAllowed: 1008,
  busy: 1013,
  /** Ours: the gateway has no such way at all. */
  none: 4000,
} as const;

export class WebSocketLine implements Line {
  readonly kind = "websocket";
  #socket: WebSocket | null;

  constructor(url: string, events: LineEvents) {
    const socket = new WebSocket(url);
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onmessage = (message: MessageEvent<string | ArrayBuffer>) => {
      if (typeof message.data === "string") {
        events.text(message.data);
        return;
      }
      const decoded = decodeMedia(message.data);
      if (decoded.ok) events.media(decoded.message);
      else console.warn(`media line: ${decoded.error}`);
    };
    socket.onclose = (event) => {
      this.#socket = null;
      events.closed(event.code, event.reason ?? "");
    };
  }

  send(text: string): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(text);
  }

  /** One stream for all: nothing is held back here. */
  forget(): void {}

  close(): void {
    const socket = this.#socket;
    if (!socket) return;
    this.#socket = null;
    socket.onmessage = null;
    socket.onclose = null;
    socket.close(CLOSED.done);
  }
}
