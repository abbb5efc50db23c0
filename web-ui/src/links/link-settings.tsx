/** What a link carries, what of it video may take, and when. */
import { useState } from "preact/hooks";
import { api } from "../api/client";
import { tree, user } from "../api/store";
import type { RegionCode } from "../domain/ids";
import type { Link, LinkSlot, NewLink } from "../domain/link";
import { t } from "../i18n/t";
import { rate, regionName } from "../i18n/words";
import { Button, Field, problemWords, toast, toastProblem } from "../ui/widgets";
import { minutesOf, timeOf } from "./order";

interface Draft {
  readonly mega: string;
  readonly percent: string;
  readonly via: string;
  readonly slots: readonly Slot[];
}
interface Slot {
  readonly days: number;
  readonly from: string;
  readonly to: string;
  readonly percent: string;
}
const OFFICE: Slot = { days: 0b001_1111, from: "08:00", to: "18:00", percent: "30" };
const DAYS = [0, 1, 2, 3, 4, 5, 6] as const;

const draftOf = (link: Link): Draft => ({
  mega: String(link.capacity_bps / 1e6),
  percent: String(Math.round(link.share * 1000) / 10),
  via: link.via ?? "",
  slots: link.schedule.map((slot) => ({
    days: slot.days,
    from: timeOf(slot.from_min),
    to: timeOf(slot.to_min),
    percent: String(Math.round(slot.share * 1000) / 10),
  })),
});
const slotOf = (slot: Slot): LinkSlot => ({
  days: slot.days,
  from_min: minutesOf(slot.from),
  to_min: minutesOf(slot.to, true),
  share: Number(slot.percent) / 100,
});

export function LinkSettings({
  link,
  links,
  onChanged,
}: {
  link: Link;
  links: readonly Link[];
  onChanged: () => void;
}) {
  const [seen, setSeen] = useState(link);
  const [draft, setDraft] = useState(() => draftOf(link));
  const [error, setError] = useState<string | null>(null);
  const [mine, setMine] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const may = user.value?.role === "administrator";
  const set = (part: Partial<Draft>) => setDraft((now) => ({ ...now, ...part }));
  const setSlot = (at: number, part: Partial<Slot>) =>
    set({ slots: draft.slots.map((slot, n) => (n === at ? { ...slot, ...part } : slot)) });
  const take = (next: Link) => {
    setSeen(next);
    setDraft(draftOf(next));
    onChanged();
  };
  const save = async () => {
    const body: NewLink = {
      capacity_bps: Math.round(Number(draft.mega) * 1e6),
      share: Number(draft.percent) / 100,
      schedule: draft.slots.map(slotOf),
      via: draft.via || null,
      revision: seen.revision,
    };
    setBusy(true);
    setError(null);
    const result = await api.putLink(link.id, body);
    setBusy(false);
    if (result.ok) {
      setMine(null);
      toast(t("links.saved"));
      return take(result.value);
    }
    if (result.problem.code === "stale") {
      // The newest is shown; what was entered stays in sight beside it.
      const newest = (await api.links()).ok ? await api.links() : null;
      const fresh = newest?.ok ? newest.value.find((one) => one.id === link.id) : undefined;
      setMine(`${rate(body.capacity_bps)} · ${draft.percent} %`);
      if (fresh) take(fresh);
      return;
    }
    setError(problemWords(result.problem));
  };
  const reset = async () => {
    setBusy(true);
    const result = await api.clearLink(link.id);
    setBusy(false);
    if (!result.ok) return toastProblem(result.problem);
    const newest = await api.links();
    const fresh = newest.ok ? newest.value.find((one) => one.id === link.id) : undefined;
    if (fresh) take(fresh);
  };
  const named = (code: string) => {
    const region = tree.value.regions.get(code as RegionCode);
    return region ? `${regionName(region)} (${code})` : code;
  };
  return (
    <form
      class="link-settings"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <fieldset disabled={!may || busy}>
        {mine && (
          <p class="notice warn" role="alert">
            <span>
              {t("links.stale")} {t("links.staleWas", { mine })}
            </span>
          </p>
        )}
        <div class="pair">
          <Field label={t("links.capacityField")}>
            <input
              type="number"
              min={0}
              max={1000000}
              step="any"
              required
              value={draft.mega}
              onInput={(event) => set({ mega: event.currentTarget.value })}
            />
          </Field>
          <Field label={t("links.shareField")} hint={t("links.shareHint")}>
            <input
              type="number"
              min={0}
              max={100}
              step="any"
              required
              value={draft.percent}
              onInput={(event) => set({ percent: event.currentTarget.value })}
            />
          </Field>
          <Field label={t("links.viaField")}>
            <select value={draft.via} onChange={(event) => set({ via: event.currentTarget.value })}>
              <option value="">{t("links.viaUsual")}</option>
              {links
                .filter((one) => one.id !== link.id && one.level !== "village")
                .map((one) => (
                  <option key={one.id} value={one.id}>
                    {named(one.id)}
                  </option>
                ))}
            </select>
          </Field>
        </div>
        <h4>{t("links.schedule")}</h4>
        <p class="dim small">{t("links.scheduleHint")}</p>
        {draft.slots.map((slot, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: slots have no other identity than their place
          <div class="slot" key={at} role="group" aria-label={`${t("links.schedule")} ${at + 1}`}>
            <span class="days" role="group" aria-label={t("links.days")}>
              {DAYS.map((day) => (
                <button
                  key={day}
                  type="button"
                  aria-pressed={(slot.days & (1 << day)) !== 0}
                  onClick={() => setSlot(at, { days: slot.days ^ (1 << day) })}
                >
                  {t(`links.day.${day}`)}
                </button>
              ))}
            </span>
            <input
              type="time"
              aria-label={t("links.from")}
              value={slot.from}
              required
              onInput={(event) => setSlot(at, { from: event.currentTarget.value })}
            />
            <input
              type="time"
              aria-label={t("links.to")}
              value={slot.to}
              required
              onInput={(event) => setSlot(at, { to: event.currentTarget.value })}
            />
            <span class="percent">
              <input
                type="number"
                min={0}
                max={100}
                step="any"
                required
                aria-label={t("links.shareField")}
                value={slot.percent}
                onInput={(event) => setSlot(at, { percent: event.currentTarget.value })}
              />
              %
            </span>
            <Button
              icon="x"
              label={t("links.removeSlot")}
              hideLabel
              onClick={() => set({ slots: draft.slots.filter((_, n) => n !== at) })}
            />
          </div>
        ))}
        {may && (
          <Button
            icon="plus"
            label={draft.slots.length === 0 ? t("links.office") : t("links.addSlot")}
            onClick={() => set({ slots: [...draft.slots, OFFICE] })}
          />
        )}
        {error && (
          <p class="notice bad" role="alert">
            {error}
          </p>
        )}
        {may && (
          <div class="actions">
            {seen.said === "page" && <Button icon="undo" label={t("links.reset")} onClick={() => void reset()} />}
            <Button type="submit" tone="accent" label={t("links.save")} />
          </div>
        )}
      </fieldset>
    </form>
  );
}
