/** The recording around a moment, in a loop, and words where there is none (yet). */
import { useEffect, useState } from "preact/hooks";
import { recordingUrl } from "../api/client";
import type { CameraCode } from "../domain/ids";
import { toRfc3339 } from "../domain/ids";
import { t } from "../i18n/t";
import { Icon } from "../ui/icon";
import { Button } from "../ui/widgets";

const BEFORE_MS = 5000;
const LENGTH_MS = 30_000;

export function MomentVideo({ camera, at }: { camera: CameraCode; at: number }) {
  const [failed, setFailed] = useState(false);
  const [attempt, setAttempt] = useState(0);
  const from = at - BEFORE_MS;
  const fresh = Date.now() - at < 120_000;
  useEffect(() => {
    setFailed(false);
  }, [camera, at]);
  if (failed) {
    return (
      <div class="picture-box">
        <div class="words">
          <Icon name="history" size={1.5} />
          <strong>{fresh ? t("events.momentWait") : t("events.noMoment")}</strong>
          <Button
            label={t("app.retry")}
            onClick={() => {
              setAttempt(attempt + 1);
              setFailed(false);
            }}
          />
        </div>
      </div>
    );
  }
  return (
    <div class="picture-box">
      <video
        key={attempt}
        src={recordingUrl(camera, toRfc3339(from), toRfc3339(from + LENGTH_MS))}
        muted
        autoplay
        loop
        controls
        playsInline
        aria-label={t("events.moment")}
        onError={() => setFailed(true)}
      />
    </div>
  );
}
