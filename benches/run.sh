#!/usr/bin/env bash
# Runs every bench; figures go to target/bench/results.json. Build first: `make bench` does both. Arguments go to `fanout`.
set -euo pipefail
cd "$(dirname "$0")/.."
target/release/fanout --seconds 2 "$@"
target/release/district --seconds 10
target/release/archive index
target/release/archive record
target/release/network admit
target/release/network pull --seconds 4
target/release/command all
target/release/register --searches 100
target/release/events
# In Chromium, where there is one.
(cd web-ui && node e2e/map-bench.mjs)
target/release/fanout --markdown
