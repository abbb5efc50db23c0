/** What the gateway itself wrote into a log: cameras by their names, times by the clock of this page. Pure. */
import type { LogEntry } from "../domain/command";

const CODE = /\b\d{20}\b/g;
const UNTIL = /\d{4}-\d\d-\d\dT\d\d:\d\dZ/g;

export function noteWords(
  entry: Pick<LogEntry, "action" | "note">,
  nameOf: (code: string) => string | undefined,
  time: (ms: number) => string,
): string {
  if (entry.action === "cameras") return entry.note.replace(CODE, (code) => nameOf(code) ?? code);
  if (entry.action === "guest") return entry.note.replace(UNTIL, (text) => time(Date.parse(text)));
  return entry.note;
}
