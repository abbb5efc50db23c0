#!/usr/bin/env bash
# The page in a real browser: starts the built binary's demonstration district on loopback and lets web-ui/e2e judge it.
# `transport` has a district of its own, over HTTPS: WebTransport is there on secure origins only. `hall` starts its own, since it
# stops it in the middle, and so does `map-sources`, which configures it. `district` takes 3,500 cameras into one, `weeks` has one with
# weeks of supervision behind it; both take SIZE and LANGUAGE (`DISTRICT="desk,phone en"`).
set -euo pipefail
cd "$(dirname "$0")/.."
binary=${SIGHTLINE:-target/debug/sightline}
work=$(mktemp -d)
trap 'kill "${demo:-}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT

echo "demo-$RANDOM-$RANDOM-password" >"$work/password"
PASSWORD=$(cat "$work/password")
SHOTS=${SHOTS:-$work/shots}
mkdir -p "$SHOTS"
export PASSWORD SHOTS

# district NAME ARGUMENT...: a district with these arguments; URL and SIGHTLINE_USER are its.
district() {
  mkfifo "$work/ready-$1"
  "$binary" demo --data "$work/data-$1" --listen 127.0.0.1:0 --password-file "$work/password" --json "${@:2}" \
    >"$work/ready-$1" 2>"$work/log" &
  demo=$!
  if ! read -r -t 90 ready <"$work/ready-$1"; then
    echo "the demonstration did not come up:" >&2
    cat "$work/log" >&2
    exit 1
  fi
  URL=$(jq -r .url <<<"$ready")
  SIGHTLINE_USER=$(jq -r .user <<<"$ready")
  DATA=$work/data-$1
  export URL SIGHTLINE_USER DATA
}

leave() {
  kill -TERM "$demo"
  wait "$demo"
  demo=
}

judge() {
  echo "-- e2e/$1"
  local args=()
  # shellcheck disable=SC2206 # which of them: SIZE LANGUAGE NAMES
  [[ $1 != screens ]] || args=("$SHOTS" ${SCREENS:-})
  # shellcheck disable=SC2206
  [[ $1 != district && $1 != weeks ]] || args=(${DISTRICT:-})
  local start=$SECONDS
  (cd web-ui && node "e2e/$1.mjs" "${args[@]}") || { tail -n 40 "$work/log" >&2; exit 1; }
  echo "-- e2e/$1: $((SECONDS - start)) s"
}

# What the binary itself makes of the demonstration's regions: a good sheet of 3,500 cameras, and a faulty one.
sheets() {
  SHEET=$work/cameras.csv BAD=$work/faulty.csv
  "$binary" camera sample "$SHEET" --regions configs/meixian/regions.csv --cameras 3500
  "$binary" camera sample "$BAD" --regions configs/meixian/regions.csv --cameras 400 --faults 9
  export SHEET BAD
}

# shellcheck disable=SC2048 # several judges may come in one word
plain=() secure=() own=() apart=()
export BUDGET_MS=${BUDGET_MS:-40000}
# The others by name: docs/design/limits.md says why.
for one in ${*:-wall flow drill recordings map-tools axe-brief district weeks hall map-sources}; do
  case $one in
    transport) secure+=("$one") ;;
    hall | map-sources) own+=("$one") ;;
    district | weeks) apart+=("$one") ;;
    *) plain+=("$one") ;;
  esac
done
if ((${#plain[@]})); then
  district plain --cameras 24 --plain-http
  for one in "${plain[@]}"; do judge "$one"; done
  leave
fi
if ((${#secure[@]})); then
  district secure --cameras 4
  for one in "${secure[@]}"; do judge "$one"; done
  leave
fi
for one in "${apart[@]}"; do
  cameras=6
  if [[ $one == district ]]; then
    sheets
  else
    cameras=24
    district "$one" --cameras "$cameras" --plain-http
    leave
    rm "$work/ready-$one"
    "${binary%/*}/examples/past_weeks" "$work/data-$one"
  fi
  district "$one" --cameras "$cameras" --plain-http
  judge "$one"
  leave
done
for one in "${own[@]}"; do
  SIGHTLINE=$(realpath "$binary") DATA=$work/data-$one PASSWORD_FILE=$work/password SIGHTLINE_USER=admin judge "$one"
done
