/** Who was last signed in on this device: so that the field's page opens without a network, with what the device knows. */
import type { User } from "../domain/user";

const STORED = "sightline.field-user";

export function remember(who: User): void {
  try {
    localStorage.setItem(STORED, JSON.stringify(who));
  } catch {
    // Without storage the page does not open without a network.
  }
}

export function forget(): void {
  try {
    localStorage.removeItem(STORED);
  } catch {
    // There was none.
  }
}

export function remembered(): User | null {
  try {
    const who = JSON.parse(localStorage.getItem(STORED) ?? "null") as User | null;
    return who && typeof who.user === "string" ? who : null;
  } catch {
    return null;
  }
}
