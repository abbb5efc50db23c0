import { type PlainKey, t } from "../i18n/t";
import { Dialog } from "../ui/widgets";

type Keys = readonly (readonly [string, PlainKey])[];

const LIST: Keys = [
  ["/", "keys.search"],
  ["↑ ↓ ← →", "keys.list"],
];
const WALL: Keys = [
  ["1 – 5", "keys.layouts"],
  ["← ↑ → ↓", "keys.arrows"],
  ["Enter", "keys.enter"],
  ...LIST,
  ["Delete", "keys.remove"],
  ["G", "keys.fill"],
  ["C", "keys.clear"],
  ["F", "keys.full"],
  ["Space", "keys.freeze"],
  ["M", "keys.sound"],
  ["S", "keys.snapshot"],
  ["R", "keys.replay"],
  ["I", "keys.figures"],
  ["T", "keys.tour"],
  ["A", "keys.alarm"],
  ["N · B", "keys.alarmSteps"],
  ["K", "keys.alarmDone"],
  ["L", "keys.layoutsKept"],
  ["D", "keys.send"],
  ["W", "keys.window"],
  ["Esc", "keys.escape"],
  ["?", "keys.help"],
];
const DIRECTOR: Keys = [
  ["← ↑ → ↓", "keys.dir.tile"],
  ["[ · ]", "keys.dir.screen"],
  ["1 – 5", "keys.layouts"],
  ["Enter", "keys.dir.enter"],
  ...LIST,
  ["Enter", "keys.dir.large"],
  ["Delete", "keys.dir.remove"],
  ["T", "keys.dir.tour"],
  ["Space", "keys.dir.hold"],
  ["A", "keys.alarm"],
  ["C", "keys.clear"],
  ["L", "keys.layoutsKept"],
  ["N", "keys.dir.add"],
  ["W", "keys.dir.open"],
  ["?", "keys.help"],
];

/** Every key of the wall, or of the page that directs walls. */
export function KeySheet({ of = "wall", onClose }: { of?: "wall" | "director"; onClose: () => void }) {
  return (
    <Dialog title={t("wall.keys")} onClose={onClose}>
      <dl class="dialog-body keys">
        {(of === "wall" ? WALL : DIRECTOR).map(([key, words]) => (
          <div key={words}>
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
