/** Waits between attempts: doubled, capped, with jitter so that a hall of screens does not come back in one second. */
export class Backoff {
  #attempts = 0;

  constructor(
    private readonly firstMs: number,
    private readonly mostMs: number,
    private readonly random: () => number = Math.random,
  ) {}

  /** The next wait in milliseconds: between half and all of the doubled value. */
  next(): number {
    const full = Math.min(this.mostMs, this.firstMs * 2 ** Math.min(this.#attempts, 16));
    this.#attempts += 1;
    return Math.round(full * (0.5 + this.random() / 2));
  }

  reset(): void {
    this.#attempts = 0;
  }

  get attempts(): number {
    return this.#attempts;
  }
}
