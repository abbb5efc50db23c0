/** A set of cameras goes to where others see it: a screen of a hall, or an operator's own wall. One press for each of them. */
import { useEffect, useState } from "preact/hooks";
import { user } from "../api/store";
import { wallApi } from "../api/walls";
import { t } from "../i18n/t";
import { Icon } from "../ui/icon";
import { Button, Dialog, Field, toast, toastProblem } from "../ui/widgets";
import { sending } from "./sending";
import { type Seat, withSet } from "./shared";
import { LAYOUTS, type Layout, layoutFor } from "./url";
import { direct, directs, loadWalls, walls } from "./walls";
import "./walls.css";

export default function SendSet() {
  const codes = (sending.value ?? []).slice(0, 25);
  const [layout, setLayout] = useState<Layout>(layoutFor(codes.length));
  const [note, setNote] = useState("");
  const [seats, setSeats] = useState<readonly Seat[]>([]);
  const close = () => {
    sending.value = null;
  };
  useEffect(() => {
    void loadWalls();
    void wallApi.seats().then((answer) => {
      if (answer.ok) setSeats(answer.value);
    });
  }, []);
  const halls = [...walls.value.values()].filter((wall) => wall.seat === null && directs(user.value, wall));
  const toScreen = async (wall: string, screen: number, name: string) => {
    const problem = await direct(wall, screen, (face) => withSet(face, codes, layout));
    if (problem) return toastProblem(problem);
    toast(t("send.done", { n: Math.min(codes.length, layout), name }));
    close();
  };
  const toSeat = async (seat: Seat) => {
    const answer = await wallApi.send(seat.user, layout, codes.slice(0, layout), note);
    if (!answer.ok) return toastProblem(answer.problem);
    const left = answer.value.left_out.length;
    const n = Math.min(codes.length, layout) - left;
    toast(
      left > 0 ? t("send.leftOut", { n, name: seat.name, left }) : t("send.done", { n, name: seat.name }),
      left > 0,
    );
    close();
  };
  const others = [...seats].filter((seat) => seat.user !== user.value?.user);
  others.sort((a, b) => Number(b.present) - Number(a.present) || a.user.localeCompare(b.user));
  return (
    <Dialog title={t("send.title", { n: codes.length })} onClose={close}>
      <div class="dialog-body send-set">
        <div class="send-how">
          <Field label={t("wall.layout")}>
            <select value={layout} onChange={(event) => setLayout(Number(event.currentTarget.value) as Layout)}>
              {LAYOUTS.map((n) => (
                <option key={n} value={n}>
                  {t("wall.layoutN", { n })}
                </option>
              ))}
            </select>
          </Field>
          <Field label={t("send.note")}>
            <input value={note} maxLength={200} onInput={(event) => setNote(event.currentTarget.value)} />
          </Field>
        </div>
        {codes.length > layout && <p class="warn small">{t("send.tooMany", { n: codes.length - layout })}</p>}
        <h3>{t("send.halls")}</h3>
        {halls.length === 0 && <p class="dim small">{t("send.noHalls")}</p>}
        <ul>
          {halls.flatMap((wall) =>
            wall.screens.map((screen) => {
              const name = `${wall.name} · ${screen.name || t("walls.screenN", { n: screen.screen })}`;
              return (
                <li key={`${wall.id}-${screen.screen}`}>
                  <Button
                    icon="monitor"
                    label={name}
                    data-to={`${wall.id}-${screen.screen}`}
                    onClick={() => void toScreen(wall.id, screen.screen, name)}
                  />
                </li>
              );
            }),
          )}
        </ul>
        <h3>{t("send.seats")}</h3>
        {others.length === 0 && <p class="dim small">{t("send.noSeats")}</p>}
        <ul>
          {others.map((seat) => (
            <li key={seat.user}>
              <button type="button" class="button plain" data-to={seat.user} onClick={() => void toSeat(seat)}>
                <Icon name="user" />
                <span>{seat.name || seat.user}</span>
                <small class="dim">{seat.present ? t("send.present") : t("send.absent")}</small>
              </button>
            </li>
          ))}
        </ul>
      </div>
    </Dialog>
  );
}
