/** Small parts that every page uses. */
import { signal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import type { Problem } from "../api/http";
import { problemText } from "../i18n/said";
import { t } from "../i18n/t";
import { Icon, type IconName } from "./icon";

/** An empty place says what would be there, and how to get it. */
export function Empty({ icon, title, hint }: { icon: IconName; title: string; hint?: string | undefined }) {
  return (
    <div class="empty">
      <Icon name={icon} size={2} />
      <strong>{title}</strong>
      {hint && <span>{hint}</span>}
    </div>
  );
}

type ButtonProps = Omit<JSX.IntrinsicElements["button"], "icon"> & {
  icon?: IconName;
  label: string;
  hideLabel?: boolean;
  tone?: "plain" | "accent" | "danger";
};
export function Button({ icon, label, hideLabel = false, tone = "plain", class: more, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      class={`button ${tone} ${hideLabel ? "only-icon" : ""} ${(more as string) ?? ""}`}
      aria-label={hideLabel ? label : undefined}
      title={hideLabel ? label : undefined}
    >
      {icon && <Icon name={icon} />}
      {!hideLabel && <span>{label}</span>}
    </button>
  );
}

/** A modal on the browser's own `<dialog>`: focus stays inside, Escape closes, focus returns. */
export function Dialog({
  title,
  onClose,
  wide = false,
  children,
}: {
  title: string;
  onClose: () => void;
  wide?: boolean;
  children: ComponentChildren;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      class={wide ? "wide" : ""}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <header>
        <h2 id={id}>{title}</h2>
        <Button icon="x" label={t("app.close")} hideLabel onClick={onClose} />
      </header>
      {children}
    </dialog>
  );
}

interface Toast {
  readonly id: number;
  readonly text: string;
  readonly bad: boolean;
}
const toasts = signal<readonly Toast[]>([]);
let toastId = 0;
export function toast(text: string, bad = false): void {
  const id = ++toastId;
  toasts.value = [...toasts.value.slice(-2), { id, text, bad }];
  setTimeout(() => {
    toasts.value = toasts.value.filter((one) => one.id !== id);
  }, 6000);
}
export const toastProblem = (problem: Problem): void => toast(problemWords(problem), true);
export function problemWords(problem: Problem): string {
  if (problem.code === "unreachable") return t("app.unreachable");
  return t("app.failed", { detail: problemText(problem) });
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map((one) => (
        <div key={one.id} class={one.bad ? "toast bad" : "toast"}>
          <Icon name={one.bad ? "info" : "check"} />
          <span>{one.text}</span>
        </div>
      ))}
    </div>
  );
}

/** A labelled control with its error under it. */
export function Field({
  label,
  error,
  hint,
  children,
}: {
  label: string;
  error?: string | undefined;
  hint?: string | undefined;
  children: ComponentChildren;
}) {
  return (
    <label class={error ? "field bad" : "field"}>
      <span>{label}</span>
      {children}
      {error ? <em role="alert">{error}</em> : hint && <small>{hint}</small>}
    </label>
  );
}

export function Choice<T extends string>({
  label,
  value,
  options,
  onPick,
}: {
  label: string;
  value: T;
  options: readonly (readonly [T, string])[];
  onPick: (value: T) => void;
}) {
  return (
    <div class="choice" role="radiogroup" aria-label={label}>
      {options.map(([key, words]) => (
        // oxlint-disable-next-line jsx-a11y/role-has-required-aria-props -- aria-checked is there
        <button key={key} type="button" role="radio" aria-checked={key === value} onClick={() => onPick(key)}>
          {words}
        </button>
      ))}
    </div>
  );
}

export function Loading() {
  return (
    <div class="loading" role="status">
      <span class="spinner" />
      {t("app.loading")}
    </div>
  );
}
