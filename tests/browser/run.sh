#!/bin/sh
# Opens the pages in Chromium and looks at them as a person would.
#
#   tests/browser/run.sh            builds the server if there is none, installs the tools, runs
#   EXSTREAMTV_BIN=… run.sh         tests that binary
#   EXSTREAMTV_DEMO=… run.sh        copies a demo library made before instead of making one
#   SHOTS=folder run.sh             keeps pictures of every page
set -eu
cd "$(dirname "$0")"
if [ -z "${EXSTREAMTV_BIN:-}" ]; then
    (cd ../.. && cargo build --locked --quiet)
    target=${CARGO_TARGET_DIR:-../../target}
    EXSTREAMTV_BIN=$(cd "$target" && pwd)/debug/exstreamtv
    export EXSTREAMTV_BIN
fi
npm ci --no-audit --no-fund --loglevel=error
exec node --test --test-concurrency=1 --test-reporter=spec pages.test.mjs
