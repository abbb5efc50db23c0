/** Guests of an incident: a link that lets somebody without an account look at it, and at it alone, for some hours. */
import { useEffect, useState } from "preact/hooks";
import { command } from "../api/command";
import { serverNow } from "../api/store";
import type { Guest, Incident } from "../domain/command";
import { t } from "../i18n/t";
import { shortTime } from "../i18n/words";
import { Button, Dialog, Field, toast, toastProblem } from "../ui/widgets";

export function GuestsDialog({ incident, onClose }: { incident: Incident; onClose: () => void }) {
  const [guests, setGuests] = useState<readonly Guest[]>([]);
  const [name, setName] = useState("");
  const [hours, setHours] = useState("12");
  const [link, setLink] = useState<string | null>(null);
  const read = async () => {
    const found = await command.guests(incident.id);
    if (found.ok) setGuests(found.value);
  };
  useEffect(() => void read(), []);
  const invite = async () => {
    const made = await command.invite(incident.id, name.trim(), Number(hours));
    if (!made.ok) return toastProblem(made.problem);
    setLink(`${location.origin}${made.value.url}`);
    setName("");
    await read();
  };
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(link ?? "");
      toast(t("guest.copied"));
    } catch {
      // Not on every origin; the link stands there to be marked by hand.
    }
  };
  const welcome = (guest: Guest) => !guest.ended_at && Date.parse(guest.until) > serverNow();
  return (
    <Dialog title={t("guest.title")} onClose={onClose}>
      <div class="dialog-body guests">
        <p>{t("guest.hint")}</p>
        <form
          class="form-grid"
          onSubmit={(event) => {
            event.preventDefault();
            void invite();
          }}
        >
          <Field label={t("guest.name")}>
            <input required maxLength={50} value={name} onInput={(event) => setName(event.currentTarget.value)} />
          </Field>
          <Field label={t("guest.hours")}>
            <input
              type="number"
              min={1}
              max={168}
              required
              value={hours}
              onInput={(event) => setHours(event.currentTarget.value)}
            />
          </Field>
          <div class="actions full">
            <Button type="submit" tone="accent" icon="plus" label={t("guest.invite")} disabled={!name.trim()} />
          </div>
        </form>
        {link && (
          <div class="notice">
            <Field label={t("guest.link")} hint={t("guest.linkOnce")}>
              <input readOnly value={link} onFocus={(event) => event.currentTarget.select()} />
            </Field>
            <Button icon="link" label={t("guest.copy")} onClick={() => void copy()} />
          </div>
        )}
        <ul>
          {guests.map((guest) => (
            <li key={guest.number}>
              <span class="grow">
                {guest.name} · {welcome(guest) ? t("guest.until", { at: shortTime(guest.until) }) : t("guest.over")}
              </span>
              {welcome(guest) && (
                <Button
                  icon="x"
                  label={t("guest.shutOut")}
                  onClick={async () => {
                    const out = await command.uninvite(incident.id, guest.number);
                    if (!out.ok) toastProblem(out.problem);
                    await read();
                  }}
                />
              )}
            </li>
          ))}
        </ul>
      </div>
    </Dialog>
  );
}
