#!/bin/sh
# Everything that must hold before a change lands, in the order in which it fails fastest.
# The time of each stage is printed at the end.
set -eu
cd "$(dirname "$0")/.."

times=""

# stage NAME COMMAND…: runs it and remembers how long it took; the first failure ends the run.
stage() {
    name=$1
    shift
    echo "== $name"
    began=$(date +%s)
    if ! "$@" </dev/null; then
        echo "== $name FAILED after $(($(date +%s) - began)) s: $*" >&2
        exit 1
    fi
    times="$times$(printf '%6s s  %s' "$(($(date +%s) - began))" "$name")
"
}

browser() {
    (cd tests/browser && npm ci --no-audit --no-fund --loglevel=error && npm test)
}

# Warnings are errors here and nowhere else, so that a half-written change still builds.
stage "system packages" scripts/packages.sh test
stage "format" cargo fmt --check
stage "clippy" cargo clippy --locked --all-targets --quiet -- -D warnings
stage "documentation" env RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items --quiet
stage "build of the tests" cargo test --locked --no-run --quiet
stage "unit tests" cargo test --locked --lib --bins
# Whole-server tests mostly watch, so a few more of them than there are cores run side by side;
# with many more, what is measured is the crowd.
stage "whole-server tests" env RUST_TEST_THREADS=3 cargo test --locked --test it
stage "operator evaluation" cargo run --locked --quiet -- eval
[ ! -f tests/browser/package.json ] || stage "browser" browser

printf '\nall stages passed\n%s' "$times"
