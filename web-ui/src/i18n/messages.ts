/** Every text of the page. Each area has a file of its own in `texts/`. */
import { ADMIN } from "./texts/admin";
import { CODES } from "./texts/codes";
import { COMMAND } from "./texts/command";
import { HEALTH } from "./texts/health";
import { IMPORT } from "./texts/import";
import { INCIDENT } from "./texts/incident";
import { LINKS } from "./texts/links";
import { MAP } from "./texts/map";
import { PLAYBACK } from "./texts/playback";
import { RECORDINGS } from "./texts/recordings";
import { REGISTER } from "./texts/register";
import { RULES } from "./texts/rules";
import type { SAID } from "./texts/said";
import { SHELL } from "./texts/shell";
import { SUPERVISION } from "./texts/supervision";
import { WALL } from "./texts/wall";
import { WALLS } from "./texts/walls";
import { ZONES } from "./texts/zones";

const FIRST = {
  ...SHELL,
  ...CODES,
  ...WALL,
  ...WALLS,
  ...MAP,
  ...PLAYBACK,
  ...COMMAND,
  ...INCIDENT,
  ...HEALTH,
  ...SUPERVISION,
  ...RULES,
  ...ADMIN,
  ...ZONES,
  ...RECORDINGS,
  ...REGISTER,
  ...IMPORT,
  ...LINKS,
} as const;

/** What the gateway says comes a moment later (`later.ts`): until then `tCode` knows none of it, and the gateway's own words stand. */
export const MESSAGES = FIRST as typeof FIRST & typeof SAID;

export const addMessages = (more: typeof SAID): void => void Object.assign(MESSAGES, more);

export type MessageKey = keyof typeof MESSAGES;
