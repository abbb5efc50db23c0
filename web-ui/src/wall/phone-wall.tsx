/** The wall on a phone: one column, at most four live at once, the rest stills. */
import { useEffect, useRef, useState } from "preact/hooks";
import { snapshotUrl } from "../api/client";
import { cameras, tree } from "../api/store";
import type { CameraCode } from "../domain/ids";
import { t } from "../i18n/t";
import { reasonWords, regionOf } from "../i18n/words";
import { CameraTree } from "../ui/camera-tree";
import { StateMark } from "../ui/marks";
import { navigate } from "../ui/router";
import { Button, Dialog, Empty } from "../ui/widgets";
import { LiveTile } from "./live-tile";
import { formatWall, place, remove, type WallState } from "./url";

const PHONE = "(max-width: 720px)";
/** Decoders of a phone; more of them fail without a word. */
export const PHONE_LIVE = 4;

export function usePhone(): boolean {
  const [phone, setPhone] = useState(() => matchMedia(PHONE).matches);
  useEffect(() => {
    const query = matchMedia(PHONE);
    const listen = () => setPhone(query.matches);
    query.addEventListener("change", listen);
    return () => query.removeEventListener("change", listen);
  }, []);
  return phone;
}

export function PhoneWall({ state, all }: { state: WallState; all: readonly CameraCode[] }) {
  const [choosing, setChoosing] = useState(false);
  const [live, setLive] = useState<readonly CameraCode[]>([]);
  const codes = state.slots.filter((code): code is CameraCode => code !== null);
  const set = (next: WallState) => navigate(formatWall(next), "replace");
  /** What came into view last plays; the oldest of more than four gives way. */
  const seen = (code: CameraCode, inView: boolean) =>
    setLive((now) =>
      inView ? [code, ...now.filter((one) => one !== code)].slice(0, PHONE_LIVE) : now.filter((one) => one !== code),
    );
  return (
    <div class="page phone-wall">
      <div class="page-head">
        <h1>{t("nav.wall")}</h1>
        <Button icon="plus" label={t("playback.addCamera")} onClick={() => setChoosing(true)} />
      </div>
      {codes.length === 0 && (
        <Empty
          icon="cctv"
          title={t("tile.empty")}
          hint={all.length > 0 ? t("playback.addCamera") : t("wall.noCamerasHint")}
        />
      )}
      {codes.map((code) => (
        <PhoneTile
          key={code}
          code={code}
          live={live.includes(code)}
          onSeen={seen}
          onRemove={() => set(remove(state, state.slots.indexOf(code)))}
        />
      ))}
      {codes.length > PHONE_LIVE && <p class="dim small">{t("wall.maxLive", { n: PHONE_LIVE })}</p>}
      {choosing && (
        <Dialog title={t("playback.addCamera")} onClose={() => setChoosing(false)}>
          <div class="chooser">
            <CameraTree
              chosen={new Set(codes)}
              onPick={(code) => {
                set(place({ ...state, slots: [null, ...state.slots.filter((one) => one !== code)] }, code, 0));
                setChoosing(false);
              }}
            />
          </div>
        </Dialog>
      )}
    </div>
  );
}

function PhoneTile({
  code,
  live,
  onSeen,
  onRemove,
}: {
  code: CameraCode;
  live: boolean;
  onSeen: (code: CameraCode, inView: boolean) => void;
  onRemove: () => void;
}) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new IntersectionObserver(
      (entries) => {
        for (const entry of entries) onSeen(code, entry.intersectionRatio >= 0.6);
      },
      { threshold: [0, 0.6, 1] },
    );
    observer.observe(element);
    return () => {
      observer.disconnect();
      onSeen(code, false);
    };
  }, [code]);
  const camera = cameras.value.get(code);
  return (
    <div class="phone-tile" ref={box}>
      {live ? (
        <LiveTile code={code} profile="sub" priority="viewer" />
      ) : (
        <button type="button" class="still" onClick={() => onSeen(code, true)}>
          <img src={snapshotUrl(code, { width: 480 })} alt="" loading="lazy" />
          <span class="caption">
            <span class="clip grow">{camera?.name ?? code}</span>
            {camera && <StateMark state={camera.state} words />}
          </span>
        </button>
      )}
      <div class="phone-actions">
        <span class="dim clip grow">
          {camera?.state === "offline"
            ? reasonWords(camera.reason)
            : camera
              ? regionOf(camera, tree.value.regions)
              : ""}
        </span>
        <Button icon="history" label={t("nav.playback")} hideLabel onClick={() => navigate(`/playback?c=${code}`)} />
        <Button icon="map" label={t("nav.map")} hideLabel onClick={() => navigate(`/map?c=${code}`)} />
        <Button icon="x" label={t("tile.remove")} hideLabel onClick={onRemove} />
      </div>
    </div>
  );
}
