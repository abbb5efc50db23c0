import "./recordings.css";
import { t } from "../i18n/t";
import { navigate, where } from "../ui/router";
import { CompletenessTab } from "./completeness-tab";
import { EvidenceTab } from "./evidence-tab";
import { HoldsTab } from "./holds-tab";
import { PlansTab } from "./plans-tab";
import { StorageTab } from "./storage-tab";

const TABS = {
  plans: PlansTab,
  completeness: CompletenessTab,
  holds: HoldsTab,
  evidence: EvidenceTab,
  storage: StorageTab,
} as const;
type Tab = keyof typeof TABS;
const NAMES = Object.keys(TABS) as readonly Tab[];

export default function RecordingsPage() {
  const asked = where.value.search.get("tab") as Tab | null;
  const tab = NAMES.find((one) => one === asked) ?? "plans";
  const Shown = TABS[tab];
  return (
    <div class="page recordings">
      <div class="page-head">
        <h1>{t("recordings.title")}</h1>
        <nav class="choice tab-links" aria-label={t("recordings.title")}>
          {NAMES.map((one) => (
            <a
              key={one}
              href={`/recordings?tab=${one}`}
              aria-current={one === tab ? "page" : undefined}
              onClick={(event) => {
                event.preventDefault();
                navigate(`/recordings?tab=${one}`, "replace");
              }}
            >
              {t(`recordings.${one}`)}
            </a>
          ))}
        </nav>
      </div>
      <Shown />
    </div>
  );
}
