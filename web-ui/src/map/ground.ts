/**
 * The map's ground: tiles of a source through the gateway, names over it where it has some, the sketch beneath. Where a tile cannot be
 * had the sketch shows through, and what went wrong is told in words.
 */
import TileLayer from "ol/layer/Tile";
import type OlMap from "ol/Map";
import type { TileSourceEvent } from "ol/source/Tile";
import XYZ from "ol/source/XYZ";
import { gridOf } from "./grids";
import { type MapSource, tileUrl } from "./sources";

/** Of the tiles that were asked for since the last change. */
export interface GroundState {
  readonly loaded: number;
  /** Not there: outside of what the source covers. */
  readonly none: number;
  readonly failed: number;
  /** Why the last one failed. */
  readonly fault: { readonly code: string; readonly text: string } | null;
}
const FRESH: GroundState = { loaded: 0, none: 0, failed: 0, fault: null };

/** The words of a failure are asked for at most this often, ms. */
const ASK_MS = 5000;
/** A source that failed is tried again by itself after this, ms. */
const AGAIN_MS = 30_000;
/** What is told is gathered this long: tiles come in dozens. */
const TELL_MS = 200;

export class Ground {
  #layers: TileLayer<XYZ>[] = [];
  #state = FRESH;
  #asked = 0;
  #again: ReturnType<typeof setTimeout> | undefined;
  #tell: ReturnType<typeof setTimeout> | undefined;
  #abort = new AbortController();

  constructor(
    private readonly map: OlMap,
    private readonly told: (state: GroundState) => void,
    /** Names a source by something else than its id, for a preview. */
    private readonly named: (source: MapSource) => string = (source) => source.id,
  ) {}

  /** Shows these, the lowest first; none: the sketch alone. */
  show(sources: readonly MapSource[], dim: boolean): void {
    this.#clear();
    this.#state = FRESH;
    this.#say();
    for (const [n, source] of sources.entries()) {
      const { projection, tileGrid } = gridOf(source.grid, source.min_zoom, source.max_zoom);
      const url = tileUrl(this.named(source), source.version);
      const tiles = new XYZ({ url, projection, tileGrid, wrapX: false, transition: 0, interpolate: true });
      tiles.on("tileloadend", () => this.#count("loaded"));
      tiles.on("tileloaderror", (event) => void this.#failed(url, event));
      const layer = new TileLayer({
        source: tiles,
        className: dim ? "ground dimmed" : "ground",
        // Further away than it has levels, a screen would need hundreds of its tiles.
        minZoom: source.min_zoom - 1,
        zIndex: n - 20,
      });
      this.#layers.push(layer);
      this.map.addLayer(layer);
    }
  }

  close(): void {
    this.#abort.abort();
    clearTimeout(this.#tell);
    this.#clear();
  }

  #clear(): void {
    clearTimeout(this.#again);
    for (const layer of this.#layers) {
      this.map.removeLayer(layer);
      layer.dispose();
    }
    this.#layers = [];
  }

  #count(what: "loaded" | "none" | "failed"): void {
    this.#state = { ...this.#state, [what]: this.#state[what] + 1, ...(what === "loaded" ? { fault: null } : {}) };
    this.#say();
  }

  #say(): void {
    this.#tell ??= setTimeout(() => {
      this.#tell = undefined;
      this.told(this.#state);
    }, TELL_MS);
  }

  /** The picture says only that it is none; why is in the answer, which is asked for once more, seldom. */
  async #failed(url: string, event: TileSourceEvent): Promise<void> {
    const [z, x, y] = event.tile.getTileCoord();
    const now = performance.now();
    if (now - this.#asked < ASK_MS && this.#asked > 0) return this.#count(this.#state.fault ? "failed" : "none");
    this.#asked = now;
    try {
      const at = url.replace("{z}", String(z)).replace("{x}", String(x)).replace("{y}", String(y));
      const answer = await fetch(at, { signal: this.#abort.signal, cache: "no-store" });
      if (answer.ok) return this.#retry();
      const problem = (await answer.json()) as { code?: string; detail?: string; fault?: string };
      if (problem.code === "no-tile") return this.#count("none");
      this.#state = { ...this.#state, fault: { code: problem.fault ?? "broken-off", text: problem.detail ?? "" } };
    } catch {
      if (this.#abort.signal.aborted) return;
      this.#state = { ...this.#state, fault: { code: "gateway", text: "" } };
    }
    this.#count("failed");
    this.#retry();
  }

  #retry(): void {
    clearTimeout(this.#again);
    this.#again = setTimeout(() => {
      this.#state = { ...this.#state, failed: 0, none: 0 };
      for (const layer of this.#layers) layer.getSource()?.refresh();
    }, AGAIN_MS);
  }
}
