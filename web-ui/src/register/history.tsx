/** What something was before: who, when, and each field from what to what. */
import { useEffect, useState } from "preact/hooks";
import type { Result } from "../api/http";
import { noteWords } from "../i18n/said";
import { t } from "../i18n/t";
import { dayClock } from "../i18n/words";
import { Button, Empty, Loading, problemWords } from "../ui/widgets";
import { fieldName, valueWords } from "./show";
import type { Past } from "./types";

interface Props {
  readonly read: () => Promise<Result<Past[]>>;
  /** Read again when this changes. */
  readonly turn: unknown;
  readonly onRestore?: ((past: Past, newest: number) => void) | undefined;
}

export function History({ read, turn, onRestore }: Props) {
  const [past, setPast] = useState<readonly Past[] | null>(null);
  const [error, setError] = useState<string | null>(null);
  useEffect(() => {
    let gone = false;
    void read().then((answer) => {
      if (gone) return;
      if (answer.ok) setPast(answer.value);
      else setError(problemWords(answer.problem));
    });
    return () => {
      gone = true;
    };
  }, [turn]);
  if (error) return <p class="notice bad">{error}</p>;
  if (!past) return <Loading />;
  const newest = past[0];
  if (!newest) return <Empty icon="history" title={t("reg.history.none")} />;
  const oldest = past.at(-1);
  return (
    <ol class="reg-history">
      {past.map((version) => (
        <li key={version.revision} data-revision={version.revision}>
          <header>
            <strong>{t("reg.revision", { n: version.revision })}</strong>
            <span>{t(`reg.what.${version.what}`)}</span>
            <span class="dim">{version.by || t("reg.gateway")}</span>
            <span class="dim">{dayClock(Date.parse(version.at))}</span>
            {version.note && version.note !== "bulk" && <span class="dim small">{noteWords(version.note)}</span>}
            {onRestore && version !== newest && version.what !== "removed" && (
              <Button icon="undo" label={t("reg.restore")} onClick={() => onRestore(version, newest.revision)} />
            )}
          </header>
          {version.changes.length > 0 && (version.what !== "added" || version !== oldest) && (
            <DifferenceTable rows={version.changes} />
          )}
        </li>
      ))}
      {oldest && oldest.revision > 1 && <li class="dim small">{t("reg.history.first")}</li>}
    </ol>
  );
}

export function DifferenceTable({
  rows,
}: {
  rows: readonly { readonly field: string; readonly from: unknown; readonly to: unknown }[];
}) {
  return (
    <table class="reg-diff">
      <thead>
        <tr>
          <th>{t("reg.field")}</th>
          <th>{t("reg.from")}</th>
          <th>{t("reg.to")}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.field}>
            <td>{fieldName(row.field)}</td>
            <td class="dim">{valueWords(row.field, row.from)}</td>
            <td>{valueWords(row.field, row.to)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
