/** Two editors at once: the second is told, and shown field by field what the first did. */
import { useState } from "preact/hooks";
import { t } from "../i18n/t";
import { dayClock } from "../i18n/words";
import { Button, Choice, Dialog } from "../ui/widgets";
import { fieldName, valueWords } from "./show";
import type { Overtaken } from "./types";

type Side = "theirs" | "mine";

interface Props {
  readonly told: Overtaken;
  readonly onClose: () => void;
  /** The fields that are to be as they are on file. */
  readonly onMerge: (theirs: ReadonlySet<string>) => void;
}

export function ConflictDialog({ told, onClose, onMerge }: Props) {
  // What I did not touch is theirs: only where both changed it is there anything to choose.
  const untouched = (field: string): boolean => {
    const row = told.differences.find((one) => one.field === field);
    return JSON.stringify(row?.base ?? null) === JSON.stringify(row?.mine ?? null);
  };
  const [sides, setSides] = useState<Readonly<Record<string, Side>>>(() =>
    Object.fromEntries(told.differences.map((row) => [row.field, untouched(row.field) ? "theirs" : "mine"])),
  );
  const theirs = new Set(told.differences.filter((row) => sides[row.field] === "theirs").map((row) => row.field));
  return (
    <Dialog wide title={t("reg.conflict")} onClose={onClose}>
      <div class="dialog-body reg-conflict">
        <p>
          {t("reg.conflictText", {
            by: told.by || t("reg.gateway"),
            at: told.at ? dayClock(Date.parse(told.at)) : "—",
            n: told.revision,
          })}
        </p>
        <div class="table-scroll" tabIndex={0} role="region" aria-label={t("reg.conflict")}>
          <table>
            <thead>
              <tr>
                <th>{t("reg.field")}</th>
                <th>{t("reg.base")}</th>
                <th>{t("reg.theirs")}</th>
                <th>{t("reg.mine")}</th>
                <th>{t("reg.merge")}</th>
              </tr>
            </thead>
            <tbody>
              {told.differences.map((row) => (
                <tr key={row.field} data-field={row.field}>
                  <td>{fieldName(row.field)}</td>
                  <td class="dim">{valueWords(row.field, row.base)}</td>
                  <td>{valueWords(row.field, row.theirs)}</td>
                  <td>{valueWords(row.field, row.mine)}</td>
                  <td>
                    <Choice<Side>
                      label={fieldName(row.field)}
                      value={sides[row.field] ?? "mine"}
                      options={[
                        ["theirs", t("reg.takeTheirs")],
                        ["mine", t("reg.takeMine")],
                      ]}
                      onPick={(side) => setSides({ ...sides, [row.field]: side })}
                    />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        <div class="actions">
          <Button label={t("app.cancel")} onClick={onClose} />
          <Button tone="accent" label={t("reg.merge")} onClick={() => onMerge(theirs)} />
        </div>
      </div>
    </Dialog>
  );
}
