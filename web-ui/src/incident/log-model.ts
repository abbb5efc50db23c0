/**
 * An incident's log as far as it has been read: entries by number, the newest at once, older ones by pages when they come into
 * view. What several people write at once arrives in pieces; a piece that is missing is asked for.
 */
import { signal } from "@preact/signals";
import type { Incident, LogEntry, LogPage } from "../domain/command";

export const PAGE = 100;

/** Asks for up to `PAGE` entries before a number. */
export type Ask = (before: number) => Promise<LogPage | null>;

export class LogModel {
  /** How many there are in all. */
  readonly total = signal(0);
  /** Rises with everything that is read. */
  readonly version = signal(0);
  #entries = new Map<number, LogEntry>();
  #asked = new Set<number>();

  constructor(private readonly ask: Ask) {}

  get(n: number): LogEntry | undefined {
    return this.#entries.get(n);
  }

  /** Of an answer or of the stream; an older one than what is known adds nothing wrong. */
  take(of: Pick<Incident, "entries" | "log">): void {
    this.#put(of.log, of.entries);
  }

  /** Makes sure that what is in view is read, or asked for. */
  need(from: number, to: number): void {
    for (let n = Math.min(to, this.total.value - 1); n >= Math.max(0, from); n--) {
      if (!this.#entries.has(n)) void this.#read(Math.floor(n / PAGE));
    }
  }

  async #read(page: number): Promise<void> {
    if (this.#asked.has(page)) return;
    this.#asked.add(page);
    const found = await this.ask((page + 1) * PAGE);
    // A page that is not whole yet, or did not come, is asked for again when it is needed again.
    if (!found || found.total < (page + 1) * PAGE) this.#asked.delete(page);
    if (found) this.#put(found.entries, found.total);
  }

  #put(entries: readonly LogEntry[], total: number): void {
    for (const entry of entries) this.#entries.set(entry.n, entry);
    this.total.value = Math.max(this.total.value, total);
    this.version.value += 1;
  }
}
