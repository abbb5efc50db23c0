/** A camera, live, with its state in words: the wall's tile and every other live picture of the page. */
import { useEffect, useRef, useState } from "preact/hooks";
import { cameras, mediaClient, serverClock, serverNow, user } from "../api/store";
import { openWhy } from "../diagnose/open";
import type { Camera } from "../domain/camera";
import type { CameraCode } from "../domain/ids";
import type { Reason } from "../domain/reason";
import { wordsOf } from "../i18n/said";
import { t } from "../i18n/t";
import { clock, delayWords, rate, reasonWords, shortTime } from "../i18n/words";
import { reporting } from "../incident/report";
import { LiveView, type SoundState, type ViewState, type Wish } from "../player/live-view";
import { Icon, type IconName } from "../ui/icon";
import { type Size, TILE_PIXELS } from "../wire/control";

/** How long a tile must be the focused one before its main stream is asked for, and not to be before it is given up. */
const SETTLE_MS = 600;
/** A tile that changes its size says so once it stands. */
const RESIZED_MS = 400;
/** A page that nobody sees stops receiving after this. */
const HIDDEN_MS = 5000;

export interface TileWords {
  readonly title: string;
  readonly detail: string;
  readonly icon: IconName;
  readonly busy: boolean;
}

/** What a tile says over its picture; `null` while the picture speaks for itself. */
export function tileWords(state: ViewState, camera: Camera | undefined): TileWords | null {
  const offline = camera?.state === "offline";
  const since = camera?.since ? t("tile.offlineSince", { time: shortTime(camera.since) }) : t("state.offline");
  switch (state.kind) {
    case "live":
      return null;
    case "frozen":
      return null;
    case "connecting":
    case "waiting-key-frame":
      if (offline) return { title: since, detail: reasonWords(camera.reason), icon: "videoOff", busy: false };
      return {
        title: state.kind === "connecting" ? t("tile.connecting") : t("tile.waiting"),
        detail: "",
        icon: "radio",
        busy: true,
      };
    case "reconnecting":
      return { title: t("tile.reconnecting"), detail: "", icon: "radio", busy: true };
    case "paused":
      return { title: t("tile.paused"), detail: "", icon: "pause", busy: false };
    case "lost":
      return {
        title: offline ? since : t("tile.lost"),
        detail: reasonWords(state.reason),
        icon: "videoOff",
        busy: false,
      };
    case "refused":
      return {
        title: state.reason.code === "forbidden" ? reasonWords(state.reason) : offline ? since : t("tile.refused"),
        detail: state.reason.code === "forbidden" ? "" : detail(state.reason),
        icon: "videoOff",
        busy: false,
      };
    case "stills":
      return { title: stillsWords(state), detail: "", icon: "image", busy: false };
  }
}

function stillsWords(state: Extract<ViewState, { kind: "stills" }>): string {
  switch (state.why) {
    case "codec":
      return state.codec ? t("tile.stills", { codec: state.codec }) : t("tile.stillsUnknown");
    case "decoder":
      return t("tile.stillsDecoder");
    case "connection":
      return t("tile.stillsConnection");
  }
}

/** A budget's sentence names the link and what holds it, which our own words cannot know. */
function detail(reason: Reason): string {
  const words = reasonWords(reason);
  const exactly = wordsOf(reason.said);
  return exactly ? `${words} · ${exactly}` : words;
}

/** The element's size in device pixels; `null` while it has none. */
function sizeOf(element: Element): Size | null {
  const { width, height } = element.getBoundingClientRect();
  const pixels = (n: number) =>
    Math.min(TILE_PIXELS.most, Math.max(TILE_PIXELS.least, Math.round(n * devicePixelRatio)));
  return width > 0 && height > 0 ? { width: pixels(width), height: pixels(height) } : null;
}

export function useLiveView(
  code: CameraCode,
  wish: Wish,
  priority: "incident" | "wall" | "viewer",
  box: { readonly current: HTMLElement | null },
) {
  const [view, setView] = useState<LiveView | null>(null);
  useEffect(() => {
    const size = (box.current && sizeOf(box.current)) ?? undefined;
    const live = new LiveView(mediaClient(), serverClock, { camera: code, profile: wish, priority, size });
    setView(live);
    let hidden: ReturnType<typeof setTimeout> | undefined;
    let paused = false;
    const visibility = () => {
      clearTimeout(hidden);
      if (document.hidden) {
        hidden = setTimeout(() => {
          paused = true;
          live.pause();
        }, HIDDEN_MS);
      } else if (paused) {
        paused = false;
        live.resume();
      }
    };
    document.addEventListener("visibilitychange", visibility);
    let resized: ReturnType<typeof setTimeout> | undefined;
    const observer = new ResizeObserver(() => {
      clearTimeout(resized);
      resized = setTimeout(() => {
        const now = box.current && sizeOf(box.current);
        if (now) live.resize(now);
      }, RESIZED_MS);
    });
    if (box.current) observer.observe(box.current);
    return () => {
      document.removeEventListener("visibilitychange", visibility);
      observer.disconnect();
      clearTimeout(resized);
      clearTimeout(hidden);
      live.close();
      setView(null);
    };
  }, [code]);
  useEffect(() => {
    if (!view) return;
    const timer = setTimeout(() => view.wish(wish), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [wish, view]);
  return view;
}

export function LiveTile({
  code,
  profile = "auto",
  priority = "viewer",
  figures = false,
  sound = false,
  onView,
}: {
  code: CameraCode;
  /** By its own size, the full picture for the one that is looked at, or never more than the small one. */
  profile?: Wish;
  priority?: "incident" | "wall" | "viewer";
  figures?: boolean;
  /** Whether this camera is to be heard. */
  sound?: boolean;
  onView?: (view: LiveView | null) => void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const view = useLiveView(code, profile, priority, box);
  const camera = cameras.value.get(code);
  useEffect(() => {
    if (view) box.current?.append(view.element);
    onView?.(view);
    return () => onView?.(null);
  }, [view]);
  useEffect(() => view?.listen(sound), [view, sound]);
  const words = view ? tileWords(view.state.value, camera) : null;
  const kind = view?.state.value.kind ?? "connecting";
  return (
    <div
      class={`live-tile is-${kind}`}
      data-state={kind}
      data-camera={code}
      data-line={mediaClient().kind.value ?? "none"}
      data-player={view?.player.value ?? "none"}
    >
      <div class="picture" ref={box}>
        {words && (
          <div class={kind === "stills" ? "words low" : "words"} role="status">
            {words.busy ? <span class="spinner" /> : <Icon name={words.icon} size={1.5} />}
            <strong>{words.title}</strong>
            {words.detail && <span>{words.detail}</span>}
          </div>
        )}
        {figures && view?.figures.value && <pre class="quality">{figureWords(view)}</pre>}
      </div>
      <div class="caption">
        <span class="clip grow">{camera?.name ?? code}</span>
        {view && <Chosen view={view} />}
        {view && view.sound.value !== "off" && <SoundMark state={view.sound.value} />}
        {view && <Delay view={view} />}
        {user.value?.role !== "auditor" && (
          <button
            type="button"
            class="report-button"
            aria-label={`${t("report.button")}: ${camera?.name ?? code}`}
            title={t("report.button")}
            onClick={(event) => {
              event.stopPropagation();
              reporting.value = { camera: code };
            }}
          >
            <Icon name="siren" size={1} />
          </button>
        )}
        <button
          type="button"
          class="tile-why"
          aria-label={`${t("why.open")}: ${camera?.name ?? code}`}
          title={t("why.open")}
          onClick={(event) => {
            event.stopPropagation();
            openWhy(code);
          }}
        >
          <Icon name="info" size={0.875} />
        </button>
      </div>
    </div>
  );
}

/** Why the stream is not the camera's own, or not the larger: only where somebody might wonder. */
function Chosen({ view }: { view: LiveView }) {
  const { auto, transcoded } = view.chosen.value;
  if (auto !== "capacity" && !transcoded) return null;
  const slow = auto === "capacity";
  const words = slow ? t("tile.lowered") : t("tile.convertedLong");
  return (
    <span class={slow ? "chosen slow" : "chosen"} role="img" aria-label={words} title={words}>
      <Icon name={slow ? "trendingDown" : "refresh"} size={1} />
      <span class="long">{slow ? t("tile.loweredShort") : t("tile.converted")}</span>
    </span>
  );
}

function SoundMark({ state }: { state: Exclude<SoundState, "off"> }) {
  const words = t(`tile.sound.${state}`);
  const heard = state === "on" || state === "opening";
  return (
    <span class="sound" role="img" aria-label={words} title={words}>
      <Icon name={heard ? "volume" : "volumeOff"} size={1} />
      {!heard && <small>{words}</small>}
    </span>
  );
}

function Delay({ view }: { view: LiveView }) {
  const [now, setNow] = useState(serverNow());
  useEffect(() => {
    const timer = setInterval(() => setNow(serverNow()), 1000);
    return () => clearInterval(timer);
  }, []);
  const kind = view.state.value.kind;
  const delay = view.delayMs.value;
  const shown = kind === "frozen" && view.captured.value !== null ? view.captured.value / 1000 : now;
  return (
    <>
      {kind === "frozen" && <span class="mark">{t("tile.frozen")}</span>}
      <span class={delay !== null && delay > 4000 ? "delay late" : "delay"}>
        <span class="long">{delayWords(kind === "live" ? delay : null)}</span>
        <span class="short" aria-hidden="true">
          {kind === "live" && delay !== null ? `${(delay / 1000).toFixed(1)} s` : "—"}
        </span>
      </span>
      <span class="time">{clock(shown)}</span>
    </>
  );
}

function figureWords(view: LiveView): string {
  const f = view.figures.value;
  if (!f) return "";
  const lines = [
    t("tile.figures", {
      profile: f.profile === "main" ? t("tile.main") : t("tile.sub"),
      width: f.width,
      height: f.height,
      codec: f.codec,
      fps: f.fps.toFixed(1),
      rate: rate(f.bps),
      buffer: Math.round(f.bufferMs),
      dropped: f.dropped,
      skipped: Math.round(f.skippedMs),
      player: f.format === "raw" ? "WebCodecs" : "MSE",
    }),
  ];
  const { auto, transcoded } = view.chosen.value;
  if (auto === "capacity") lines.push(t("tile.lowered"));
  if (transcoded) lines.push(t("tile.convertedLong"));
  else if (auto === "codec") lines.push(t("tile.otherStream"));
  if (f.why) lines.push(t("tile.why", { why: f.why }));
  return lines.join("\n");
}
