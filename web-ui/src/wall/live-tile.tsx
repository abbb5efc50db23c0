/** A camera, live, with its state in words: the wall's tile and every other live picture of the page. */
import { useEffect, useRef, useState } from "preact/hooks";
import { cameras, mediaSocket, serverClock, serverNow } from "../api/store";
import type { CameraCode } from "../domain/ids";
import type { Camera, Profile } from "../domain/types";
import { t } from "../i18n/t";
import { clock, delayWords, rate, reasonWords, shortTime } from "../i18n/words";
import { LiveView, type SoundState, type ViewState } from "../player/live-view";
import { Icon, type IconName } from "../ui/icon";

/** How long a tile must be the focused one before its main stream is asked for, and not to be before it is given up. */
const SETTLE_MS = 600;
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
      return t("tile.stills", { codec: state.codec });
    case "decoder":
      return t("tile.stillsDecoder");
    case "connection":
      return t("tile.stillsConnection");
  }
}

/** A budget's sentence names the link and what holds it, which our own words cannot know. */
function detail(reason: { code: string; text: string }): string {
  const words = reasonWords(reason);
  return (reason.code === "link-budget" || reason.code === "preempted") && reason.text
    ? `${words} · ${reason.text}`
    : words;
}

export function useLiveView(code: CameraCode, profile: Profile, priority: "incident" | "wall" | "viewer") {
  const [view, setView] = useState<LiveView | null>(null);
  useEffect(() => {
    const live = new LiveView(mediaSocket(), serverClock, { camera: code, profile, priority });
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
    return () => {
      document.removeEventListener("visibilitychange", visibility);
      clearTimeout(hidden);
      live.close();
      setView(null);
    };
  }, [code]);
  useEffect(() => {
    if (!view) return;
    const timer = setTimeout(() => view.setProfile(profile), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [profile, view]);
  return view;
}

export function LiveTile({
  code,
  profile = "sub",
  priority = "viewer",
  figures = false,
  sound = false,
  onView,
}: {
  code: CameraCode;
  profile?: Profile;
  priority?: "incident" | "wall" | "viewer";
  figures?: boolean;
  /** Whether this camera is to be heard. */
  sound?: boolean;
  onView?: (view: LiveView | null) => void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const view = useLiveView(code, profile, priority);
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
    <div class={`live-tile is-${kind}`} data-state={kind} data-camera={code}>
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
        {view && view.sound.value !== "off" && <SoundMark state={view.sound.value} />}
        {view && <Delay view={view} />}
      </div>
    </div>
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
  return t("tile.figures", {
    profile: f.profile === "main" ? t("tile.main") : t("tile.sub"),
    width: f.width,
    height: f.height,
    codec: f.codec,
    fps: f.fps.toFixed(1),
    rate: rate(f.bps),
    buffer: Math.round(f.bufferMs),
    dropped: f.dropped,
    skipped: Math.round(f.skippedMs),
  });
}
