import { type PlainKey, t } from "../i18n/t";
import { Dialog } from "../ui/widgets";

const KEYS: readonly (readonly [string, PlainKey])[] = [
  ["1 – 5", "keys.layouts"],
  ["← ↑ → ↓", "keys.arrows"],
  ["Enter", "keys.enter"],
  ["F", "keys.full"],
  ["Space", "keys.freeze"],
  ["M", "keys.sound"],
  ["S", "keys.snapshot"],
  ["R", "keys.replay"],
  ["I", "keys.figures"],
  ["T", "keys.tour"],
  ["A", "keys.alarm"],
  ["Delete", "keys.remove"],
  ["?", "keys.help"],
];

export function KeySheet({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title={t("wall.keys")} onClose={onClose}>
      <dl class="dialog-body keys">
        {KEYS.map(([key, words]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{t(words)}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
