import { useState } from "preact/hooks";
import { api } from "../api/client";
import { cameras, dropCamera, regionPath, takeCamera } from "../api/store";
import { matcher } from "../domain/search";
import type { Camera } from "../domain/types";
import { t } from "../i18n/t";
import { StateMark } from "../ui/marks";
import { Button, Dialog, Empty, toast, toastProblem } from "../ui/widgets";
import { ZoneDialog } from "../zones/zone-editor";
import { CameraForm } from "./camera-form";
import { withDisabled } from "./camera-record";

const SHOWN = 200;

export function CameraAdmin() {
  const [query, setQuery] = useState("");
  const [editing, setEditing] = useState<Camera | "new" | null>(null);
  const [zoning, setZoning] = useState<Camera | null>(null);
  const [deleting, setDeleting] = useState<Camera | null>(null);
  const list = [...cameras.value.values()].filter(matcher(query, null)).sort((a, b) => a.code.localeCompare(b.code));
  const toggle = async (camera: Camera) => {
    const full = await api.camera(camera.code);
    if (!full.ok) return toastProblem(full.problem);
    const result = await api.putCamera(camera.code, withDisabled(full.value, camera.state !== "disabled"));
    if (!result.ok) return toastProblem(result.problem);
    takeCamera(result.value);
    toast(t("admin.saved"));
  };
  const remove = async (camera: Camera) => {
    setDeleting(null);
    const result = await api.deleteCamera(camera.code);
    if (!result.ok) return toastProblem(result.problem);
    dropCamera(camera.code);
    toast(t("admin.deleted"));
  };
  return (
    <>
      <div class="filters">
        <input
          class="find"
          type="search"
          value={query}
          placeholder={t("wall.search")}
          aria-label={t("wall.search")}
          onInput={(event) => setQuery(event.currentTarget.value)}
        />
        <Button icon="plus" tone="accent" label={t("admin.addCamera")} onClick={() => setEditing("new")} />
      </div>
      {list.length === 0 ? (
        <Empty icon="cctv" title={query ? t("admin.noMatch") : t("wall.noCameras")} />
      ) : (
        <div class="card table-scroll" tabIndex={0} role="region" aria-label={t("admin.cameras")}>
          <table class="stacked">
            <thead>
              <tr>
                <th>{t("camera.code")}</th>
                <th>{t("camera.name")}</th>
                <th class="wide-only">{t("camera.region")}</th>
                <th>{t("camera.state")}</th>
                <th class="wide-only">{t("camera.recording")}</th>
                <th class="wide-only">{t("admin.maker")}</th>
                <th aria-label={t("app.edit")} />
              </tr>
            </thead>
            <tbody>
              {list.slice(0, SHOWN).map((camera) => (
                <tr key={camera.code} data-camera={camera.code}>
                  <td class="dim code">{camera.code}</td>
                  <td>{camera.name}</td>
                  <td class="wide-only dim">{regionPath(camera.region)}</td>
                  <td>
                    <StateMark state={camera.state} words />
                  </td>
                  <td class="wide-only">{t(`camera.rec.${camera.recording_state}`)}</td>
                  <td class="wide-only dim">{camera.maker}</td>
                  <td>
                    <div class="actions nowrap">
                      <Button
                        label={camera.state === "disabled" ? t("admin.enable") : t("admin.disable")}
                        onClick={() => void toggle(camera)}
                      />
                      <Button
                        icon="scan"
                        class="zones-button"
                        label={t("zones.title", { name: camera.name })}
                        hideLabel
                        aria-pressed={(camera.zones?.length ?? 0) > 0}
                        onClick={() => setZoning(camera)}
                      />
                      <Button icon="pencil" label={t("app.edit")} hideLabel onClick={() => setEditing(camera)} />
                      <Button icon="trash" label={t("app.delete")} hideLabel onClick={() => setDeleting(camera)} />
                    </div>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {editing && (
        <Dialog
          wide
          title={editing === "new" ? t("admin.addCamera") : t("admin.editCamera")}
          onClose={() => setEditing(null)}
        >
          <CameraForm camera={editing === "new" ? null : editing} onClose={() => setEditing(null)} />
        </Dialog>
      )}
      {zoning && <ZoneDialog camera={zoning} onClose={() => setZoning(null)} />}
      {deleting && (
        <Dialog title={t("app.delete")} onClose={() => setDeleting(null)}>
          <div class="dialog-body">
            <p>{t("admin.confirmDelete", { name: deleting.name })}</p>
            <div class="actions">
              <Button label={t("app.cancel")} onClick={() => setDeleting(null)} />
              <Button tone="danger" icon="trash" label={t("app.delete")} onClick={() => void remove(deleting)} />
            </div>
          </div>
        </Dialog>
      )}
    </>
  );
}
