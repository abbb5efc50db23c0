#!/usr/bin/env bash
# RFC 6455 conformance: the Autobahn cases (PyPI kosoku) against the relay's WebSocket layer in echo mode. `make conformance`.
# Not part of `make test`: the suite's own time-outs are wall-clock time, which a busy machine would fail.
# Compression (12.*, 13.*) is left out: no extension is negotiated, as compressed video does not compress.
set -euo pipefail
cd "$(dirname "$0")/../../.."
place=target/conformance
version=0.1.0
if [ ! -x "$place/bin/kosoku" ]; then
    python3 -m venv "$place"
    if ! "$place/bin/pip" install --quiet "kosoku==$version"; then
        echo "SKIPPED: kosoku $version cannot be installed (is the package index reachable?)" >&2
        exit 0
    fi
fi
cargo build --quiet --locked --package relay --example echo
coproc server { exec target/debug/examples/echo 127.0.0.1:0; }
# shellcheck disable=SC2154  # coproc sets it
trap 'kill "$server_PID" 2>/dev/null || true' EXIT
read -r address <&"${server[0]}"
rm -rf "$place/reports"
"$place/bin/kosoku" --mode fuzzingclient --outdir "$place/reports" --parallelism 2 \
    --exclude '12.*' --exclude '13.*' "ws://$address"
