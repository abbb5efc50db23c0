/** One field for a place, a camera, an incident or a person; the answer is a list by kind, gone through with the arrow keys. */
import { useId, useMemo, useRef, useState } from "preact/hooks";
import { cameras, incidents, regions, tree } from "../api/store";
import { type Hit, searchMap } from "../domain/map-search";
import type { Person } from "../domain/people";
import { t } from "../i18n/t";
import { ageWords, regionName, regionOf } from "../i18n/words";
import { Icon, type IconName } from "../ui/icon";
import { knownInitials, loadInitials } from "../ui/initials";
import { GradeMark, StateMark } from "../ui/marks";

const ICONS: Record<Hit["kind"], IconName> = { region: "mapPin", camera: "cctv", incident: "siren", person: "user" };

export function SearchBox({ people, onHit }: { people: readonly Person[]; onHit: (hit: Hit) => void }) {
  const id = useId();
  const [query, setQuery] = useState("");
  const [open, setOpen] = useState(false);
  const [at, setAt] = useState(0);
  const [ready, setReady] = useState(knownInitials() !== null);
  const box = useRef<HTMLDivElement>(null);
  const groups = useMemo(
    () =>
      open
        ? searchMap(
            query,
            {
              regions: regions.value,
              cameras: cameras.value.values(),
              incidents: incidents.value,
              people,
              nameOf: (region) => (region ? regionName(region) : ""),
            },
            ready ? knownInitials() : null,
          )
        : [],
    [open, query, regions.value, cameras.value, incidents.value, people, ready],
  );
  const hits = groups.flatMap((group) => group.hits);
  const take = (hit: Hit | undefined) => {
    if (!hit) return;
    setOpen(false);
    onHit(hit);
  };
  const key = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && hits.length > 0) setAt((at + step + hits.length) % hits.length);
    else if (event.key === "Enter") take(hits[at]);
    else if (event.key === "Escape" && (open || query)) {
      setOpen(false);
      if (!open) setQuery("");
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const shown = open && query.trim() !== "";
  let n = -1;
  return (
    <div
      class="map-search"
      ref={box}
      onFocusOut={(event) => {
        if (!box.current?.contains(event.relatedTarget as Node | null)) setOpen(false);
      }}
    >
      <label class="search">
        <Icon name="search" size={1.125} />
        <input
          type="text"
          role="combobox"
          aria-expanded={shown}
          aria-controls={`${id}-list`}
          aria-autocomplete="list"
          aria-activedescendant={shown && hits.length > 0 ? `${id}-${at}` : undefined}
          aria-label={t("map.search")}
          placeholder={t("map.search")}
          value={query}
          onFocus={() => {
            setOpen(true);
            void loadInitials().then(() => setReady(true));
          }}
          onInput={(event) => {
            setQuery(event.currentTarget.value);
            setOpen(true);
            setAt(0);
          }}
          onKeyDown={key}
        />
      </label>
      <div class="map-hits scroll" id={`${id}-list`} role="listbox" aria-label={t("map.search")} hidden={!shown}>
        {shown && hits.length === 0 && <p class="dim none">{t("map.search.none")}</p>}
        {groups.map((group) => (
          <div key={group.kind} role="group" aria-label={t(`map.search.${group.kind}`)}>
            <h3 role="presentation">
              {t(`map.search.${group.kind}`)}
              {group.total > group.hits.length && (
                <span class="dim"> {t("map.search.more", { n: group.total - group.hits.length })}</span>
              )}
            </h3>
            {group.hits.map((hit) => {
              n += 1;
              const mine = n;
              return (
                <div
                  key={keyOf(hit)}
                  id={`${id}-${mine}`}
                  role="option"
                  tabIndex={-1}
                  aria-selected={mine === at}
                  ref={(element) => {
                    if (mine === at) element?.scrollIntoView({ block: "nearest" });
                  }}
                  // The field keeps the focus.
                  onMouseDown={(event) => event.preventDefault()}
                  onClick={() => take(hit)}
                  onKeyDown={(event) => event.key === "Enter" && take(hit)}
                >
                  <HitLine hit={hit} />
                </div>
              );
            })}
          </div>
        ))}
      </div>
      <span class="hidden-title" role="status">
        {shown ? t("map.search.count", { n: hits.length }) : ""}
      </span>
    </div>
  );
}

function keyOf(hit: Hit): string {
  switch (hit.kind) {
    case "region":
      return hit.region.code;
    case "camera":
      return hit.camera.code;
    case "incident":
      return hit.incident.id;
    case "person":
      return hit.person.user;
  }
}

function HitLine({ hit }: { hit: Hit }) {
  switch (hit.kind) {
    case "region":
      return (
        <>
          <Icon name={ICONS.region} size={1} />
          <span class="grow clip">{regionName(hit.region)}</span>
          <span class="dim clip">{hit.below}</span>
        </>
      );
    case "camera":
      return (
        <>
          <StateMark state={hit.camera.state} />
          <span class="grow clip">{hit.camera.name}</span>
          <span class="dim clip">
            {hit.camera.place ? regionOf(hit.camera, tree.value.regions) : t("map.search.noPlace")}
          </span>
        </>
      );
    case "incident":
      return (
        <>
          <GradeMark grade={hit.incident.grade} />
          <span class="grow clip">{hit.incident.title}</span>
          <span class="dim">{hit.incident.number}</span>
        </>
      );
    case "person":
      return (
        <>
          <Icon name={ICONS.person} size={1} />
          <span class="grow clip">{hit.person.name}</span>
          <span class="dim">{ageWords(hit.person.ageMs)}</span>
        </>
      );
  }
}
