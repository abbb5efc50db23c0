import "./playback.css";
import { useMemo, useState } from "preact/hooks";
import { type CameraCode, isCameraCode, parseTime } from "../domain/ids";
import { t } from "../i18n/t";
import { CameraTree } from "../ui/camera-tree";
import { navigate, where } from "../ui/router";
import { Button, Dialog, Empty } from "../ui/widgets";
import { usePhone } from "../wall/phone-wall";
import { Deck } from "./deck";
import { MOST_CAMERAS, urlOf } from "./place";

export default function PlaybackPage() {
  const phone = usePhone();
  const [choosing, setChoosing] = useState(false);
  const codes = useMemo(
    () => (where.value.search.get("c") ?? "").split(",").filter(isCameraCode).slice(0, MOST_CAMERAS),
    [where.value],
  );
  const toggle = (code: CameraCode) => {
    const without = codes.filter((one) => one !== code);
    // A plain choice replaces; the next one beside it is added by the plus button.
    navigate(
      urlOf(without.length < codes.length ? without : [code], parseTime(where.value.search.get("t"))),
      "replace",
    );
    setChoosing(false);
  };
  const add = (code: CameraCode) => {
    navigate(
      urlOf(
        [...codes.filter((one) => one !== code), code].slice(-MOST_CAMERAS),
        parseTime(where.value.search.get("t")),
      ),
      "replace",
    );
    setChoosing(false);
  };
  return (
    <div class="playback">
      <h1 class="hidden-title">{t("playback.title")}</h1>
      {!phone && <CameraTree onPick={toggle} chosen={new Set(codes)} />}
      {codes.length === 0 ? (
        <div class="page">
          <Empty icon="history" title={t("playback.choose")} hint={t("playback.chooseHint")} />
          {phone && <Button icon="plus" tone="accent" label={t("playback.choose")} onClick={() => setChoosing(true)} />}
        </div>
      ) : (
        <Deck key={codes.join()} codes={codes} onAdd={() => setChoosing(true)} />
      )}
      {choosing && (
        <Dialog title={t("playback.addCamera")} onClose={() => setChoosing(false)}>
          <div class="chooser">
            <CameraTree onPick={phone ? toggle : add} chosen={new Set(codes)} />
          </div>
        </Dialog>
      )}
    </div>
  );
}
