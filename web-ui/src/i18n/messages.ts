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
import { SAID } from "./texts/said";
import { SHELL } from "./texts/shell";
import { SUPERVISION } from "./texts/supervision";
import { WALL } from "./texts/wall";
import { WALLS } from "./texts/walls";
import { ZONES } from "./texts/zones";

export const MESSAGES = {
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
  ...SAID,
} as const;

export type MessageKey = keyof typeof MESSAGES;
