/** What the page's own line carries, as the gateway measures it: once for all tiles. */
import { useEffect } from "preact/hooks";
import { mediaClient } from "../api/store";
import { t } from "../i18n/t";
import { rate } from "../i18n/words";

/** Names of their own in every language. */
const LINES = { webtransport: "WebTransport", websocket: "WebSocket" } as const;

export function LineFigures() {
  const client = mediaClient();
  useEffect(() => {
    client.measure(true);
    return () => client.measure(false);
  }, [client]);
  const kind = client.kind.value;
  const measured = client.measured.value;
  const why = client.why.value;
  const parts = [kind ? LINES[kind] : t("tile.noLine")];
  if (measured) {
    parts.push(rate(measured.rateBps), t("line.queued", { ms: Math.round(measured.delayMs) }));
    if (measured.roundTripMs !== null) parts.push(t("line.roundTrip", { ms: Math.round(measured.roundTripMs) }));
  }
  const words = parts.join(" · ");
  return (
    <p
      class="line-figures"
      role="status"
      title={why && kind === "websocket" ? `${words}\n${t("line.why", { why })}` : words}
    >
      {words}
      {measured?.congested && <span class="mark">{t("line.slow")}</span>}
    </p>
  );
}
