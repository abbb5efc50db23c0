import { useEffect, useMemo } from "preact/hooks";
import { command } from "../api/command";
import type { Incident } from "../domain/command";
import { LogModel, PAGE } from "./log-model";

/** The log of an incident, which the stream and every answer add to. */
export function useLog(incident: Incident): LogModel {
  const log = useMemo(
    () =>
      new LogModel(async (before) => {
        const page = await command.log(incident.id, { before, limit: PAGE });
        return page.ok ? page.value : null;
      }),
    [incident.id],
  );
  useEffect(() => log.take(incident), [incident]);
  return log;
}
