/** What a camera under the pointer shows. */
import { useEffect, useState } from "preact/hooks";
import { snapshotUrl } from "../api/client";
import { cameras } from "../api/store";
import type { CameraCode } from "../domain/ids";
import { StateMark } from "../ui/marks";
import { LiveTile } from "../wall/live-tile";

const PREVIEW_MS = 500;
const PREVIEW_LIVE_MS = 2000;

/** A still at half a second, live at two. */
export function Preview({ code, x, y }: { code: CameraCode; x: number; y: number }) {
  const [stage, setStage] = useState(0);
  useEffect(() => {
    const timers = [setTimeout(() => setStage(1), PREVIEW_MS), setTimeout(() => setStage(2), PREVIEW_LIVE_MS)];
    return () => timers.forEach(clearTimeout);
  }, []);
  if (stage === 0) return null;
  const camera = cameras.value.get(code);
  return (
    <div
      class="map-preview"
      style={{
        left: `clamp(0px, ${x + 16}px, calc(100% - 21rem))`,
        top: `clamp(0px, ${y + 16}px, calc(100% - 14rem))`,
      }}
    >
      {stage === 2 && camera?.state !== "offline" ? (
        <LiveTile code={code} />
      ) : (
        <div class="live-tile">
          <div class="picture">
            <img
              src={snapshotUrl(code, { width: 320 })}
              alt=""
              onError={(event) => {
                event.currentTarget.hidden = true;
              }}
            />
          </div>
          <div class="caption">
            <span class="clip grow">{camera?.name ?? code}</span>
            {camera && <StateMark state={camera.state} words />}
          </div>
        </div>
      )}
    </div>
  );
}
