/**
 * GCJ-02: WGS-84 shifted by some hundreds of metres, by a published approximation of a formula that is not. The same numbers as the
 * gateway's (`gateway/command/src/coordinates.rs`); good to about two metres, as everything that uses it is.
 */
const A = 6_378_245;
const EE = 0.006693421622965943;

const inChina = (lon: number, lat: number): boolean =>
  lon >= 72.004 && lon <= 137.8347 && lat >= 0.8293 && lat <= 55.8271;
const waves = (x: number, of: readonly (readonly [number, number])[]): number =>
  of.reduce((sum, [amplitude, divisor]) => sum + amplitude * Math.sin((Math.PI * x) / divisor), 0);

const COMMON = [
  [20, 1 / 6],
  [20, 0.5],
] as const;
const EAST = [
  [20, 1],
  [40, 3],
  [150, 12],
  [300, 30],
] as const;
const NORTH = [
  [20, 1],
  [40, 3],
  [160, 12],
  [320, 30],
] as const;

/** WGS-84 degrees to GCJ-02 degrees. */
export function toGcj02(lon: number, lat: number): [number, number] {
  if (!inChina(lon, lat)) return [lon, lat];
  const [x, y] = [lon - 105, lat - 35];
  const common = waves(x, COMMON);
  const east =
    300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * Math.sqrt(Math.abs(x)) + ((common + waves(x, EAST)) * 2) / 3;
  const north =
    -100 +
    2 * x +
    3 * y +
    0.2 * y * y +
    0.1 * x * y +
    0.2 * Math.sqrt(Math.abs(x)) +
    ((common + waves(y, NORTH)) * 2) / 3;
  const radians = (lat * Math.PI) / 180;
  const w2 = 1 - EE * Math.sin(radians) ** 2;
  const w = Math.sqrt(w2);
  const meridian = (A * (1 - EE)) / (w2 * w);
  const parallel = (A / w) * Math.cos(radians);
  return [lon + (east / parallel) * (180 / Math.PI), lat + (north / meridian) * (180 / Math.PI)];
}

/** And back, to a millimetre. */
export function fromGcj02(lon: number, lat: number): [number, number] {
  if (!inChina(lon, lat)) return [lon, lat];
  let [x, y] = [lon, lat];
  for (let i = 0; i < 10; i++) {
    const [a, b] = toGcj02(x, y);
    const [dx, dy] = [a - lon, b - lat];
    x -= dx;
    y -= dy;
    if (Math.max(Math.abs(dx), Math.abs(dy)) < 1e-9) break;
  }
  return [x, y];
}
