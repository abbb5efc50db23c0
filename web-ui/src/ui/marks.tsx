/** Shapes that say what colour alone must not: grades and states. */

import type { CameraState } from "../domain/camera";
import type { Grade } from "../domain/event";
import { t } from "../i18n/t";
import { gradeWords } from "../i18n/words";

export const GRADE_COLOUR: Record<Grade, string> = { I: "#FF5A5F", II: "#FF9F40", III: "#FFD84D", IV: "#58A6FF" };
const GRADE_PATH: Record<Grade, string> = {
  I: "M8 1.5 15 14H1Z",
  II: "M8 .8 15.2 8 8 15.2.8 8Z",
  III: "M8 1a7 7 0 1 0 .01 0Z",
  IV: "M1.8 1.8h12.4v12.4H1.8Z",
};

export function GradeMark({ grade, words = false }: { grade: Grade; words?: boolean }) {
  return (
    <span class="grade-mark">
      <svg viewBox="0 0 16 16" role={words ? "presentation" : "img"} aria-label={words ? undefined : gradeWords(grade)}>
        <path d={GRADE_PATH[grade]} fill={GRADE_COLOUR[grade]} />
      </svg>
      {words && <span>{gradeWords(grade)}</span>}
    </span>
  );
}

/** Live is a disc, standing by a ring, connecting a broken ring, offline a hatched square with a bar, disabled a dash. */
export function StateMark({ state, words = false }: { state: CameraState; words?: boolean }) {
  return (
    <span class={`state-mark state-${state}`}>
      <svg
        viewBox="0 0 16 16"
        role={words ? "presentation" : "img"}
        aria-label={words ? undefined : t(`state.${state}`)}
      >
        {state === "live" && <circle cx="8" cy="8" r="5" fill="currentColor" />}
        {state === "idle" && <circle cx="8" cy="8" r="4.5" fill="none" stroke="currentColor" stroke-width="2" />}
        {state === "connecting" && (
          <circle cx="8" cy="8" r="4.5" fill="none" stroke="currentColor" stroke-width="2" stroke-dasharray="4 3" />
        )}
        {state === "offline" && (
          <path d="M3 3h10v10H3ZM3 9l6-6M5 13l8-8M10 13l3-3" fill="none" stroke="currentColor" stroke-width="1.6" />
        )}
        {state === "disabled" && <path d="M3 8h10" stroke="currentColor" stroke-width="2.4" />}
      </svg>
      {words && <span>{t(`state.${state}`)}</span>}
    </span>
  );
}
