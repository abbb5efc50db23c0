/** ONVIF devices on the gateway's links; one that is not on file becomes a camera with a press. */
import { useState } from "preact/hooks";
import { cameras } from "../api/store";
import { cameraCode } from "../domain/ids";
import { t } from "../i18n/t";
import { Button, Dialog, Empty, Field, Loading, problemWords } from "../ui/widgets";
import { calls } from "./calls";
import type { Draft } from "./draft";
import type { FoundDevice } from "./types";

export function DeviceDialog({ onClose, onAdd }: { onClose: () => void; onAdd: (seed: Partial<Draft>) => void }) {
  const [addresses, setAddresses] = useState("");
  const [found, setFound] = useState<readonly FoundDevice[] | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const search = async () => {
    setBusy(true);
    setError(null);
    const answer = await calls.discover(addresses.split(/[\s,;]+/).filter(Boolean));
    setBusy(false);
    if (answer.ok) setFound(answer.value);
    else setError(problemWords(answer.problem));
  };
  const add = (device: FoundDevice) => {
    const address = device.addresses[0] ?? "";
    const host = URL.canParse?.(address) === false ? "" : new URL(address).hostname.replace(/^\[|\]$/g, "");
    onAdd({
      name: device.location || device.name,
      ...(host ? { main_url: `rtsp://${device.addresses[0]?.includes("[") ? `[${host}]` : host}/` } : {}),
    });
  };
  return (
    <Dialog wide title={t("dev.title")} onClose={onClose}>
      <div class="dialog-body reg-devices">
        <form
          class="filters"
          onSubmit={(event) => {
            event.preventDefault();
            void search();
          }}
        >
          <Field label={t("dev.addresses")}>
            <input name="addresses" value={addresses} onInput={(event) => setAddresses(event.currentTarget.value)} />
          </Field>
          <Button type="submit" icon="search" tone="accent" label={t("dev.search")} disabled={busy} />
        </form>
        {busy && (
          <>
            <Loading />
            <p class="dim">{t("dev.searching")}</p>
          </>
        )}
        {error && (
          <p class="notice bad" role="alert">
            {error}
          </p>
        )}
        {!busy && found?.length === 0 && <Empty icon="radio" title={t("dev.none")} hint={t("dev.noneHint")} />}
        {!busy && found && found.length > 0 && (
          <div class="table-scroll" tabIndex={0} role="region" aria-label={t("dev.title")}>
            <table>
              <thead>
                <tr>
                  <th>{t("reg.url")}</th>
                  <th>{t("dev.name")}</th>
                  <th>{t("dev.hardware")}</th>
                  <th>{t("camera.state")}</th>
                  <th aria-label={t("dev.register")} />
                </tr>
              </thead>
              <tbody>
                {found.map((device) => (
                  <tr key={device.id + device.addresses[0]}>
                    <td class="code">{device.addresses[0]}</td>
                    <td>{device.name || device.location || "—"}</td>
                    <td>{device.hardware || "—"}</td>
                    <td>
                      {device.known.length > 0
                        ? `${t("dev.known")}: ${device.known.map((code) => cameras.value.get(cameraCode(code))?.name ?? code).join("、")}`
                        : t("dev.new")}
                    </td>
                    <td>
                      {device.known.length === 0 && (
                        <Button icon="plus" label={t("dev.register")} onClick={() => add(device)} />
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </div>
    </Dialog>
  );
}
