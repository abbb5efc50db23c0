/** Takes a camera out of its tile. */
import { t } from "../i18n/t";
import { Icon } from "../ui/icon";

export function TileRemove({ name, onRemove }: { name: string; onRemove: () => void }) {
  return (
    <button
      type="button"
      class="tile-remove"
      aria-label={`${t("tile.remove")}: ${name}`}
      title={t("tile.remove")}
      onClick={(event) => {
        // The tile beneath is not chosen by it.
        event.stopPropagation();
        onRemove();
      }}
    >
      <Icon name="x" size={1} />
    </button>
  );
}
