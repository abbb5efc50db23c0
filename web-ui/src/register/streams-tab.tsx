/** How a camera is reached, what it shows now, and what the device says of itself. */
import { useState } from "preact/hooks";
import { cameras } from "../api/store";
import type { CameraCode } from "../domain/ids";
import { saidWords } from "../i18n/said";
import { t, tCode } from "../i18n/t";
import { rate, reasonWords } from "../i18n/words";
import { Button, Field, problemWords, toast } from "../ui/widgets";
import { calls } from "./calls";
import { withValue } from "./draft";
import { type Editing, NumberField, PickField, TextField } from "./field-grid";
import { fieldName, valueWords } from "./show";
import type { DeviceReading } from "./types";

const host = (url: string | null): string => {
  try {
    return url ? new URL(url.replace(/^rtsps?:/, "http:")).hostname : "";
  } catch {
    return "";
  }
};

export function StreamsTab({ editing, hasPassword }: { editing: Editing; hasPassword: boolean }) {
  const { draft } = editing;
  const live = cameras.value.get(draft.code as CameraCode);
  return (
    <div class="reg-form">
      <div class="form-grid">
        <div class="full">
          <TextField editing={editing} path="main_url" placeholder="rtsp://" />
        </div>
        <div class="full">
          <TextField editing={editing} path="sub_url" placeholder="rtsp://" />
        </div>
        <NumberField editing={editing} path="asset.main_kbps" min={16} max={200_000} hint={t("reg.kbpsHint")} />
        <NumberField editing={editing} path="asset.sub_kbps" min={16} max={200_000} hint={t("reg.kbpsHint")} />
        <TextField editing={editing} path="username" />
        <Field
          label={t("rf.password")}
          error={editing.errors.password}
          hint={hasPassword ? t("reg.passwordKept") : t("reg.noPassword")}
        >
          <input
            type="password"
            autocomplete="new-password"
            name="password"
            value={draft.password}
            onInput={(event) => editing.set({ ...draft, password: event.currentTarget.value })}
          />
        </Field>
        <PickField
          editing={editing}
          path="transport"
          options={[
            ["auto", t("admin.auto")],
            ["tcp", "TCP"],
            ["udp", "UDP"],
          ]}
        />
      </div>
      {live && (
        <>
          <h3>{t("reg.now")}</h3>
          <dl class="reg-facts">
            <dt>{t("camera.state")}</dt>
            <dd>
              {t(`state.${live.state}`)} {reasonWords(live.reason)}
            </dd>
            {(["main", "sub"] as const).map((profile) => {
              const info = live.profiles?.[profile];
              if (!info) return null;
              const size = info.width ? `${info.width}×${info.height}` : "—";
              return [
                <dt key={`${profile}-t`}>{t(profile === "main" ? "rf.main_url" : "rf.sub_url")}</dt>,
                <dd key={profile}>
                  {info.codec ?? "—"} {size} {info.bit_rate_bps ? rate(info.bit_rate_bps) : ""}
                </dd>,
              ];
            })}
            <dt>{t("reg.clock")}</dt>
            <dd>{clockWords(live.clock_offset_ms ?? null)}</dd>
          </dl>
        </>
      )}
      <DeviceReader editing={editing} />
    </div>
  );
}

export function clockWords(ms: number | null): string {
  if (ms === null) return "—";
  const s = (Math.abs(ms) / 1000).toFixed(1);
  return ms >= 0 ? t("reg.ahead", { s }) : t("reg.behind", { s });
}

function DeviceReader({ editing }: { editing: Editing }) {
  const { draft } = editing;
  const [address, setAddress] = useState(host(draft.main_url ?? draft.sub_url) || (draft.asset.ipv4 ?? ""));
  const [user, setUser] = useState("");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const [reading, setReading] = useState<DeviceReading | null>(null);
  const read = async () => {
    setBusy(true);
    setError(null);
    const onFile = draft.revision > 0 ? { camera: draft.code } : {};
    const answer = await calls.readDevice({ address, user, password, ...onFile });
    setBusy(false);
    if (!answer.ok) return setError(problemWords(answer.problem));
    setReading(answer.value);
  };
  const fill = (from: DeviceReading) => {
    let next = draft;
    const put = (path: string, value: unknown) => {
      if (value !== null && value !== "") next = withValue(next, path, value);
    };
    put("maker", from.maker);
    put("asset.model", from.model);
    put("asset.mac", from.mac);
    put("asset.ipv4", from.ipv4);
    put("asset.ipv6", from.ipv6);
    put("asset.codec", from.streams[0]?.codec ?? "");
    put("main_url", from.main_url);
    put("sub_url", from.sub_url);
    put("asset.main_kbps", from.main_kbps);
    put("asset.sub_kbps", from.sub_kbps);
    if (user) {
      put("username", user);
      next = { ...next, password };
    }
    editing.set(next);
    toast(t("reg.filled"));
  };
  return (
    <>
      <h3>{t("reg.device")}</h3>
      <div class="form-grid">
        <Field label={t("reg.deviceAddress")}>
          <input value={address} name="device-address" onInput={(event) => setAddress(event.currentTarget.value)} />
        </Field>
        <Field label={t("reg.deviceUser")}>
          <input
            value={user}
            autocomplete="off"
            name="device-user"
            onInput={(event) => setUser(event.currentTarget.value)}
          />
        </Field>
        <Field label={t("reg.devicePassword")}>
          <input
            type="password"
            autocomplete="new-password"
            name="device-password"
            value={password}
            onInput={(event) => setPassword(event.currentTarget.value)}
          />
        </Field>
        <div class="full actions start">
          <Button
            icon="radio"
            class="read-device"
            label={busy ? t("reg.reading") : t("reg.readDevice")}
            disabled={busy || !address}
            onClick={() => void read()}
          />
        </div>
      </div>
      {error && (
        <p class="notice bad" role="alert">
          {error}
        </p>
      )}
      {reading && (
        <div class="reg-reading">
          <dl class="reg-facts">
            <dt>{t("rf.maker")}</dt>
            <dd>
              {reading.maker} {reading.model}
            </dd>
            <dt>{t("reg.firmware")}</dt>
            <dd>{reading.firmware || "—"}</dd>
            <dt>{t("reg.serial")}</dt>
            <dd>{reading.serial || "—"}</dd>
            <dt>{t("rf.asset.mac")}</dt>
            <dd>{reading.mac || "—"}</dd>
            <dt>{t("reg.clock")}</dt>
            <dd>{clockWords(reading.clock_offset_ms)}</dd>
          </dl>
          <table>
            <thead>
              <tr>
                <th>{t("reg.profile")}</th>
                <th>{t("rf.asset.codec")}</th>
                <th>{t("reg.size")}</th>
                <th>{t("reg.rate")}</th>
              </tr>
            </thead>
            <tbody>
              {reading.streams.map((stream) => (
                <tr key={stream.token} title={stream.url ?? ""}>
                  <td>{stream.name || stream.token}</td>
                  <td>{stream.codec}</td>
                  <td>
                    {stream.width}×{stream.height}
                  </td>
                  <td>
                    {stream.frame_rate ?? "—"} / {stream.bit_rate_bps ? rate(stream.bit_rate_bps) : "—"}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
          {reading.notes.map((note) => (
            <p key={note.text} class="dim small">
              {saidWords(note)}
            </p>
          ))}
          {draft.revision > 0 && reading.changes.length === 0 ? (
            <p class="dim">{t("reg.sameAsFile")}</p>
          ) : (
            <>
              <ul class="reg-diff-list">
                {reading.changes.map((change) => (
                  <li key={change.field}>
                    <strong>{tCode("rf", change.field) ?? fieldName(change.field)}</strong>{" "}
                    {valueWords(change.field, change.from)} → {valueWords(change.field, change.to)}
                  </li>
                ))}
              </ul>
              <div class="actions start">
                <Button icon="check" tone="accent" label={t("reg.fill")} onClick={() => fill(reading)} />
              </div>
            </>
          )}
        </div>
      )}
    </>
  );
}
