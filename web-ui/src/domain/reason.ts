/** Why something is as it is: a code, and the same in words. */
import type { Words } from "../i18n/said";

export interface Reason {
  readonly code: string;
  readonly text: string;
  readonly said?: Words | undefined;
}
