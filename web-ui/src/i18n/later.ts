/** Texts that the first picture can do without. */
import { addMessages } from "./messages";
import { SAID } from "./texts/said";

addMessages(SAID);
