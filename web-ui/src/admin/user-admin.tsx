import { useEffect, useState } from "preact/hooks";
import { api } from "../api/client";
import { district, user as me, regionPath, tree } from "../api/store";
import type { Role, User } from "../domain/user";
import { t } from "../i18n/t";
import { Button, Dialog, Empty, Field, Loading, problemWords, toast, toastProblem } from "../ui/widgets";
import { type FieldErrors, fieldErrors, NO_ERRORS } from "./field-errors";

const ROLES: readonly Role[] = ["administrator", "operator", "responder", "auditor"];

export function UserAdmin() {
  const [users, setUsers] = useState<readonly User[] | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [editing, setEditing] = useState<User | "new" | null>(null);
  const [deleting, setDeleting] = useState<User | null>(null);
  const read = async () => {
    const result = await api.users();
    if (result.ok) setUsers(result.value);
    else setError(problemWords(result.problem));
  };
  useEffect(() => void read(), []);
  const remove = async (user: User) => {
    setDeleting(null);
    const result = await api.deleteUser(user.user);
    if (!result.ok) return toastProblem(result.problem);
    toast(t("admin.deleted"));
    await read();
  };
  if (error) return <p class="notice bad">{error}</p>;
  if (!users) return <Loading />;
  return (
    <>
      <div class="filters">
        <Button icon="plus" tone="accent" label={t("admin.addUser")} onClick={() => setEditing("new")} />
      </div>
      {users.length === 0 ? (
        <Empty icon="user" title={t("admin.noUsers")} />
      ) : (
        <div class="card table-scroll" tabIndex={0} role="region" aria-label={t("admin.users")}>
          <table class="stacked">
            <thead>
              <tr>
                <th>{t("admin.user")}</th>
                <th>{t("admin.userName")}</th>
                <th>{t("admin.role")}</th>
                <th>{t("admin.userRegion")}</th>
                <th aria-label={t("app.edit")} />
              </tr>
            </thead>
            <tbody>
              {users.map((user) => (
                <tr key={user.user}>
                  <td class="who">{user.user}</td>
                  <td>{user.name}</td>
                  <td>{t(`role.${user.role}`)}</td>
                  <td class="dim">{regionPath(user.region) || user.region}</td>
                  <td>
                    <div class="actions nowrap">
                      <Button icon="pencil" label={t("app.edit")} hideLabel onClick={() => setEditing(user)} />
                      <Button
                        icon="trash"
                        label={t("app.delete")}
                        hideLabel
                        disabled={user.user === me.value?.user}
                        onClick={() => setDeleting(user)}
                      />
                    </div>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {editing && (
        <Dialog title={editing === "new" ? t("admin.addUser") : t("admin.editUser")} onClose={() => setEditing(null)}>
          <UserForm
            user={editing === "new" ? null : editing}
            onDone={() => {
              setEditing(null);
              toast(t("admin.saved"));
              void read();
            }}
            onClose={() => setEditing(null)}
          />
        </Dialog>
      )}
      {deleting && (
        <Dialog title={t("app.delete")} onClose={() => setDeleting(null)}>
          <div class="dialog-body">
            <p>{t("admin.confirmDeleteUser", { name: deleting.user })}</p>
            <div class="actions">
              <Button label={t("app.cancel")} onClick={() => setDeleting(null)} />
              <Button tone="danger" icon="trash" label={t("app.delete")} onClick={() => void remove(deleting)} />
            </div>
          </div>
        </Dialog>
      )}
    </>
  );
}

function UserForm({ user, onDone, onClose }: { user: User | null; onDone: () => void; onClose: () => void }) {
  const [name, setName] = useState(user?.user ?? "");
  const [words, setWords] = useState(user?.name ?? "");
  const [role, setRole] = useState<Role>(user?.role ?? "operator");
  const [region, setRegion] = useState<string>(user?.region ?? district.value?.code ?? "");
  const [password, setPassword] = useState("");
  const [errors, setErrors] = useState<FieldErrors>(NO_ERRORS);
  const submit = async (event: Event) => {
    event.preventDefault();
    const record = { name: words, role, region, ...(password ? { password } : {}) };
    const result = user ? await api.putUser(user.user, record) : await api.addUser({ user: name.trim(), ...record });
    if (result.ok) onDone();
    else setErrors(fieldErrors(result.problem, ["user", "name", "password", "role", "region"]));
  };
  return (
    <form class="dialog-body" onSubmit={submit}>
      <Field label={t("admin.user")} error={errors.byField.user}>
        <input
          required
          disabled={user !== null}
          autocomplete="off"
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
      </Field>
      <Field label={t("admin.userName")} error={errors.byField.name}>
        <input value={words} onInput={(event) => setWords(event.currentTarget.value)} />
      </Field>
      <Field label={t("admin.role")} error={errors.byField.role}>
        <select value={role} onChange={(event) => setRole(event.currentTarget.value as Role)}>
          {ROLES.map((one) => (
            <option key={one} value={one}>
              {t(`role.${one}`)}
            </option>
          ))}
        </select>
      </Field>
      <Field label={t("admin.userRegion")} error={errors.byField.region}>
        <select value={region} onChange={(event) => setRegion(event.currentTarget.value)}>
          {[...tree.value.regions.values()].map((one) => (
            <option key={one.code} value={one.code}>
              {regionPath(one.code)} ({one.code})
            </option>
          ))}
        </select>
      </Field>
      <Field
        label={t("admin.userPassword")}
        error={errors.byField.password}
        hint={user ? t("admin.passwordKeep") : undefined}
      >
        <input
          type="password"
          autocomplete="new-password"
          required={user === null}
          value={password}
          onInput={(event) => setPassword(event.currentTarget.value)}
        />
      </Field>
      {errors.rest && (
        <p class="notice bad" role="alert">
          {errors.rest}
        </p>
      )}
      <div class="actions">
        <Button label={t("app.cancel")} onClick={onClose} />
        <Button type="submit" tone="accent" label={t("app.save")} />
      </div>
    </form>
  );
}
