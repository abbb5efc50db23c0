/** Why a tile is poor: what its links and its streams say, from the data that admits its pulls. */
import { useEffect, useState } from "preact/hooks";
import { api } from "../api/client";
import { cameras, regionPath, tree } from "../api/store";
import type { CameraCode, RegionCode } from "../domain/ids";
import type { CameraLinks, Poor } from "../domain/link";
import { saidWords } from "../i18n/said";
import { t } from "../i18n/t";
import { rate, reasonWords } from "../i18n/words";
import { LinkBar } from "../links/link-bar";
import { Icon } from "../ui/icon";
import { Button, Dialog, Empty, Loading, problemWords } from "../ui/widgets";
import { openDiagnosis } from "./open";

const READ_MS = 2000;

export function WhyDialog({ code, onClose }: { code: CameraCode; onClose: () => void }) {
  const [path, setPath] = useState<CameraLinks | null>(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    const read = () =>
      void api.cameraLinks(code).then((result) => {
        if (result.ok) setPath(result.value);
        else setProblem(problemWords(result.problem));
      });
    read();
    const timer = setInterval(read, READ_MS);
    return () => clearInterval(timer);
  }, [code]);
  const name = cameras.value.get(code)?.name ?? code;
  return (
    <Dialog title={t("why.title", { name })} onClose={onClose} wide>
      <div class="dialog-body why">
        {problem && (
          <p class="notice bad" role="alert">
            {problem}
          </p>
        )}
        {!path && !problem && <Loading />}
        {path && <Path path={path} />}
        <div class="actions">
          <Button icon="gauge" label={t("why.diagnose")} onClick={() => openDiagnosis(code)} />
          <Button label={t("app.close")} tone="accent" onClick={onClose} />
        </div>
      </div>
    </Dialog>
  );
}

function Path({ path }: { path: CameraLinks }) {
  return (
    <>
      <h3>{t("why.findings")}</h3>
      {path.findings.length === 0 ? (
        <div class="notice">
          <Icon name="check" />
          <div>
            <strong>{t("why.fine")}</strong>
            <p class="dim">{t("why.fineHint")}</p>
          </div>
        </div>
      ) : (
        <ul class="findings">
          {path.findings.map((one) => (
            <li key={`${one.code}${one.link}${one.profile}`} class="notice warn">
              <div>
                <strong>{findingWords(one, path)}</strong>
                <p class="dim small">{saidWords(one)}</p>
              </div>
            </li>
          ))}
        </ul>
      )}
      <h3>{t("why.streams")}</h3>
      <ul class="why-streams">
        {path.streams.map((one) => (
          <li key={one.profile}>
            <strong>{t(`diagnose.${one.profile}`)}</strong>
            <span class="dim">
              {one.state === "idle"
                ? t("why.streamIdle", { rate: rate(one.wanted_bps) })
                : t("why.streamState", {
                    rate: rate(one.bit_rate_bps),
                    fps: one.frame_rate.toFixed(1),
                    given: one.reserved_bps === null ? "—" : rate(one.reserved_bps),
                  })}
            </span>
          </li>
        ))}
      </ul>
      <h3>{t("why.path")}</h3>
      {path.links.length === 0 ? (
        <Empty icon="link" title={t("why.noPath")} />
      ) : (
        <ul class="why-links">
          {path.links.map((link) => (
            <li key={link.id}>
              <div>
                <a href={`/links?r=${link.id}`} class="clip grow">
                  {regionOf(link.id) ?? link.name}
                </a>
                <span class="dim">
                  {rate(link.reserved_bps)} / {rate(link.budget_bps)}
                </span>
              </div>
              <LinkBar link={link} />
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

const regionOf = (code: string): string | null =>
  tree.value.regions.has(code as RegionCode) ? regionPath(code as RegionCode) : null;

function findingWords(one: Poor, path: CameraLinks): string {
  const stream = one.profile === "sub" ? t("links.sub") : t("links.main");
  const found = path.links.find((link) => link.id === one.link);
  const link = found ? (regionOf(found.id) ?? found.name) : (one.link ?? "");
  if (one.code === "stream") {
    const reason = path.streams.find((other) => other.profile === one.profile)?.reason;
    return t("why.stream", { stream, reason: reasonWords(reason) });
  }
  return t(`why.${one.code}`, { stream, link });
}
