/** Pages of a long list, asked for when they come into view, the newest asked first; knows no DOM. */
export const PAGE = 100;

export class Pages<T> {
  #pages = new Map<number, readonly T[]>();
  #asked = new Set<number>();
  total: number | null = null;

  at(index: number): T | undefined {
    return this.#pages.get(Math.floor(index / PAGE))?.[index % PAGE];
  }

  /** The pages that these rows need and nobody has asked for. They count as asked from now on. */
  want(first: number, last: number): number[] {
    const wanted: number[] = [];
    for (let page = Math.floor(Math.max(0, first) / PAGE); page <= Math.floor(Math.max(0, last) / PAGE); page++) {
      if (!this.#asked.has(page)) {
        this.#asked.add(page);
        wanted.push(page);
      }
    }
    return wanted;
  }

  take(page: number, total: number, rows: readonly T[]): void {
    this.total = total;
    this.#pages.set(page, rows);
  }

  /** It did not come: whoever scrolls there asks again. */
  failed(page: number): void {
    this.#asked.delete(page);
  }

  /** All that are there. */
  *all(): Iterable<T> {
    for (const page of this.#pages.values()) yield* page;
  }
}
