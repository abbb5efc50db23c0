import { command } from "../api/command";
import { user } from "../api/store";
import type { RegionCode } from "../domain/ids";
import { people } from "./words";

/** Reads who can be given tasks in a region; those who handle no incidents are not told. */
export async function readPeople(region: RegionCode | null | undefined): Promise<void> {
  const role = user.value?.role;
  if (role !== "administrator" && role !== "operator") return;
  const found = await command.owners(region);
  if (found.ok) people.value = new Map(found.value.map((one) => [one.user, one]));
}
