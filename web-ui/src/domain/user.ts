/** Who is signed in. */
import type { IncidentId, RegionCode } from "./ids";

export type Role = "administrator" | "operator" | "responder" | "auditor" | "guest";

export interface User {
  readonly user: string;
  readonly name: string;
  readonly role: Role;
  readonly region: RegionCode;
  /** Of a guest: the one incident that they see. */
  readonly incident?: IncidentId;
  /** Of a screen that came by a link: the one wall that it shows. */
  readonly wall?: string;
}
