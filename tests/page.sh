#!/usr/bin/env bash
# The page in a real browser: starts the built binary's demonstration district on loopback and lets web-ui/e2e judge it.
set -euo pipefail
cd "$(dirname "$0")/.."
binary=${SIGHTLINE:-target/debug/sightline}
work=$(mktemp -d)
trap 'kill "${demo:-}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT

echo "demo-$RANDOM-$RANDOM-password" >"$work/password"
mkfifo "$work/ready"
"$binary" demo --data "$work/data" --listen 127.0.0.1:0 --cameras 24 --password-file "$work/password" --plain-http --json \
  >"$work/ready" 2>"$work/log" &
demo=$!
if ! read -r -t 90 ready <"$work/ready"; then
  echo "the demonstration did not come up:" >&2
  cat "$work/log" >&2
  exit 1
fi
URL=$(jq -r .url <<<"$ready")
SIGHTLINE_USER=$(jq -r .user <<<"$ready")
PASSWORD=$(cat "$work/password")
SHOTS=${SHOTS:-$work/shots}
export URL SIGHTLINE_USER PASSWORD SHOTS
for judge in "${@:-wall axe flow lifecycle}"; do
  for one in $judge; do
    echo "-- e2e/$one"
    args=()
    [[ $one != screens ]] || args=("$SHOTS")
    (cd web-ui && node "e2e/$one.mjs" "${args[@]}") || { tail -n 40 "$work/log" >&2; exit 1; }
  done
done
kill -TERM "$demo"
wait "$demo"
demo=
