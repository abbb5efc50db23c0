import "./admin.css";
import { user } from "../api/store";
import { t } from "../i18n/t";
import { navigate, where } from "../ui/router";
import { Choice } from "../ui/widgets";
import { AuditLog } from "./audit-log";
import { UserAdmin } from "./user-admin";

type Tab = "users" | "audit";

export default function AdminPage() {
  const tabs: Tab[] = user.value?.role === "administrator" ? ["users", "audit"] : ["audit"];
  const asked = where.value.search.get("tab") as Tab | null;
  const tab = tabs.find((one) => one === asked) ?? tabs[0] ?? "audit";
  return (
    <div class="page admin">
      <div class="page-head">
        <h1>{t("admin.title")}</h1>
        {tabs.length > 1 && (
          <Choice
            label={t("admin.title")}
            value={tab}
            options={tabs.map((one) => [one, t(`admin.${one}`)] as const)}
            onPick={(one) => navigate(`/admin?tab=${one}`, "replace")}
          />
        )}
      </div>
      {tab === "users" && <UserAdmin />}
      {tab === "audit" && <AuditLog />}
    </div>
  );
}
