import { describe, expect, it } from "vitest";
import { mediaTicks, utcMicros } from "../domain/ids";
import { concat, type Piece, PieceQueue } from "./queue";

const piece = (n: number, more: Partial<Piece> = {}): Piece => ({
  bytes: new Uint8Array([n, n]),
  init: false,
  key: false,
  discontinuity: false,
  mediaTime: mediaTicks(n * 3600),
  captureTime: utcMicros(n),
  ...more,
});
const never = () => false;

describe("order", () => {
  it("leaves out what comes before the first key frame", () => {
    const queue = new PieceQueue();
    queue.push(piece(1));
    queue.push(piece(2, { key: true }));
    queue.push(piece(3));
    expect(queue.take(never).map((one) => one.bytes[0])).toEqual([2, 3]);
    expect(queue.dropped).toBe(1);
  });
  it("gives an initialisation alone, fragments together", () => {
    const queue = new PieceQueue();
    queue.push(piece(0, { init: true }));
    queue.push(piece(1, { key: true }));
    queue.push(piece(2));
    queue.push(piece(9, { init: true }));
    queue.push(piece(3, { key: true }));
    expect(queue.take(never).map((one) => one.bytes[0])).toEqual([0]);
    expect(queue.take(never).map((one) => one.bytes[0])).toEqual([1, 2]);
    expect(queue.take(never).map((one) => one.bytes[0])).toEqual([9]);
    expect(queue.take(never).map((one) => one.bytes[0])).toEqual([3]);
    expect(queue.take(never)).toEqual([]);
    expect(queue.bytes).toBe(0);
  });
  it("breaks a batch where it is told to", () => {
    const queue = new PieceQueue();
    for (let n = 1; n < 5; n++) queue.push(piece(n, { key: n === 1 || n === 3 }));
    expect(queue.take((one) => one.bytes[0] === 3)).toHaveLength(2);
    expect(queue.take(never)).toHaveLength(2);
  });
});

describe("bounds", () => {
  it("hold in items; what follows an overflow starts at a key frame", () => {
    const queue = new PieceQueue({ items: 10, bytes: 1e6 });
    queue.push(piece(0, { init: true }));
    queue.push(piece(1, { key: true }));
    for (let n = 0; n < 50; n++) {
      queue.push(piece(2));
      expect(queue.length).toBeLessThanOrEqual(10);
    }
    expect(queue.take(never)[0]?.init).toBe(true);
    expect(queue.take(never)).toEqual([]);
    queue.push(piece(3));
    expect(queue.length).toBe(0);
    queue.push(piece(4, { key: true }));
    expect(queue.take(never).map((one) => one.bytes[0])).toEqual([4]);
  });
  it("hold in bytes", () => {
    const queue = new PieceQueue({ items: 1000, bytes: 100 });
    for (let n = 0; n < 200; n++) {
      queue.push(piece(n, { key: n % 5 === 0, bytes: new Uint8Array(30) }));
      expect(queue.bytes).toBeLessThanOrEqual(100);
    }
    expect(queue.dropped).toBeGreaterThan(0);
  });
});

it("joins pieces, and hands a single one through without a copy", () => {
  const one = piece(1);
  expect(concat([one])).toBe(one.bytes);
  expect([...concat([one, piece(2)])]).toEqual([1, 1, 2, 2]);
});
