#!/usr/bin/env bash
# Runs every bench; figures go to target/bench/results.json. Build first: `make bench` does both.
set -euo pipefail
cd "$(dirname "$0")/.."
target/release/fanout "$@"
target/release/district
target/release/archive index
target/release/archive record
