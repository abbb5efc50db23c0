#!/usr/bin/env bash
# Every target for so many seconds, from its corpus; stops at the first finding and says how to repeat it.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-20}
# libFuzzer's instrumentation is behind an unstable flag; the pinned toolchain takes it so, and no other one is needed.
export RUSTC_BOOTSTRAP=1
triple=$(rustc -vV | sed -n 's/^host: //p')
for target in $(sed -n 's/^path = "targets\/\(.*\)\.rs"$/\1/p' Cargo.toml); do
  echo "== fuzz: $target, $seconds s"
  mkdir -p "../../target/fuzz/corpus/$target"
  cargo fuzz run --fuzz-dir . --target "$triple" --target-dir ../../target/fuzz "$target" "../../target/fuzz/corpus/$target" -- \
    -max_total_time="$seconds" -max_len=65536 -rss_limit_mb=2048 -timeout=10 -print_final_stats=0 2>&1 |
    grep -Ev '^(#|INFO|NEW_FUNC)' || test "${PIPESTATUS[0]}" = 0
done
