/** How a screen of a hall comes in: signed in like anybody, or by a link of its own that lasts. */
import { useEffect, useState } from "preact/hooks";
import { serverNow } from "../api/store";
import { wallApi } from "../api/walls";
import { t } from "../i18n/t";
import { shortTime } from "../i18n/words";
import { Button, Dialog, Field, toast, toastProblem } from "../ui/widgets";
import { type SharedWall, screenUrl, type WallLink } from "./shared";
import "./walls.css";

export function LinksDialog({ wall, onClose }: { wall: SharedWall; onClose: () => void }) {
  const [links, setLinks] = useState<readonly WallLink[]>([]);
  const [name, setName] = useState("");
  const [days, setDays] = useState(365);
  const [screen, setScreen] = useState(wall.screens[0]?.screen ?? 1);
  const [made, setMade] = useState<string | null>(null);
  const read = async () => {
    const answer = await wallApi.links(wall.id);
    if (answer.ok) setLinks(answer.value);
    else toastProblem(answer.problem);
  };
  useEffect(() => void read(), []);
  const make = async (event: Event) => {
    event.preventDefault();
    const answer = await wallApi.makeLink(wall.id, name, days);
    if (!answer.ok) return toastProblem(answer.problem);
    const secret = answer.value.url?.split("#")[1] ?? "";
    setMade(`${location.origin}${screenUrl(wall.id, screen)}#${secret}`);
    setName("");
    await read();
  };
  const end = async (link: WallLink) => {
    const answer = await wallApi.endLink(wall.id, link.number);
    if (!answer.ok) toastProblem(answer.problem);
    await read();
  };
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(made ?? "");
      toast(t("walls.linkCopied"));
    } catch {
      // Not on a plain-HTTP origin: the text can be marked and copied.
      document.querySelector<HTMLInputElement>(".made-link input")?.select();
    }
  };
  const open = links.filter((link) => link.ended_at === null && Date.parse(link.until) > serverNow());
  return (
    <Dialog title={t("walls.linksTitle", { name: wall.name })} onClose={onClose}>
      <div class="dialog-body wall-links">
        <p class="dim small">{t("walls.linksHint")}</p>
        <form onSubmit={(event) => void make(event)}>
          <Field label={t("walls.linkName")}>
            <input value={name} maxLength={50} required onInput={(event) => setName(event.currentTarget.value)} />
          </Field>
          <Field label={t("walls.screen")}>
            <select value={screen} onChange={(event) => setScreen(Number(event.currentTarget.value))}>
              {wall.screens.map((one) => (
                <option key={one.screen} value={one.screen}>
                  {one.name || t("walls.screenN", { n: one.screen })}
                </option>
              ))}
            </select>
          </Field>
          <Field label={t("walls.linkDays")}>
            <input
              type="number"
              min={1}
              max={731}
              value={days}
              onInput={(event) => setDays(event.currentTarget.valueAsNumber)}
            />
          </Field>
          <Button type="submit" icon="link" tone="accent" label={t("walls.linkMake")} disabled={!name.trim()} />
        </form>
        {made && (
          <div class="made-link">
            <Field label={t("walls.linkOnce")}>
              <input readOnly value={made} onFocus={(event) => event.currentTarget.select()} />
            </Field>
            <Button icon="copy" label={t("walls.linkCopy")} onClick={() => void copy()} />
          </div>
        )}
        <ul>
          {open.map((link) => (
            <li key={link.number}>
              <strong class="clip">{link.name}</strong>
              <span class="dim">{t("walls.linkUntil", { by: link.by, until: shortTime(link.until) })}</span>
              <Button label={`${t("walls.linkEnd")}: ${link.name}`} icon="x" hideLabel onClick={() => void end(link)} />
            </li>
          ))}
        </ul>
      </div>
    </Dialog>
  );
}
