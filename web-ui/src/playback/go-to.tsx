/** A field that takes a time as people say it, and says what it understood before it goes there. */
import type { RefObject } from "preact";
import { useState } from "preact/hooks";
import { serverNow } from "../api/store";
import { t } from "../i18n/t";
import { dayClock } from "../i18n/words";
import { Icon } from "../ui/icon";
import { parseMoment } from "./timeline-goto";

export function GoTo({
  field: input,
  at,
  onGo,
}: {
  /** Given the focus by a key: at once, or the first letters that follow would be lost. */
  field: RefObject<HTMLInputElement | null>;
  at: number;
  onGo: (time: number) => void;
}) {
  const [open, setOpen] = useState(false);
  const [text, setText] = useState("");
  const [bad, setBad] = useState<string | null>(null);
  const now = serverNow();
  const meant = text.trim() ? parseMoment(text, at, now) : null;
  const submit = (event: Event) => {
    event.preventDefault();
    if (meant === null) return setBad(t("timeline.gotoBad"));
    if (meant > now) return setBad(t("timeline.gotoFuture"));
    setText("");
    setBad(null);
    input.current?.blur();
    onGo(meant);
  };
  const said = bad ?? (meant === null ? null : dayClock(meant));
  return (
    <form class="go-to" onSubmit={submit}>
      <Icon name="crosshair" size={1} />
      <input
        ref={input}
        type="text"
        autocomplete="off"
        spellcheck={false}
        aria-label={t("timeline.goto")}
        aria-describedby="go-to-said"
        aria-invalid={bad !== null}
        placeholder={t("timeline.gotoHint")}
        value={text}
        onFocus={() => setOpen(true)}
        onBlur={() => {
          setBad(null);
          setOpen(false);
        }}
        onInput={(event) => {
          setText(event.currentTarget.value);
          setBad(null);
        }}
        onKeyDown={(event) => {
          event.stopPropagation();
          if (event.key !== "Escape") return;
          setText("");
          input.current?.blur();
        }}
      />
      <output id="go-to-said" class={bad ? "bad" : ""} hidden={!open || said === null}>
        {said}
      </output>
    </form>
  );
}
