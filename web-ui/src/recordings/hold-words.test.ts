import { expect, test } from "vitest";
import { setLanguage } from "../i18n/t";
import { holdBy, holdReason } from "./hold-words";

test("what a plan holds is told in the language of the page", () => {
  setLanguage("zh");
  expect(holdReason("event 00066187fb4adc1500000001 (manual)")).toBe("告警：人工上报");
  expect(holdReason("event 00066187fb4adc1500000001 (motion), and others about that time")).toBe("告警：移动等");
  expect(holdBy("recording-plan")).toBe("录像计划");
});
test("what people wrote stays as they wrote it", () => {
  expect(holdReason("event of the year (see file)")).toBe("event of the year (see file)");
  expect(holdBy("admin")).toBe("admin");
});
