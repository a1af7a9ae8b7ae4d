#!/usr/bin/env bash
# Installs what the tests need and runs every check of this repository. For a Debian with Rust and a C compiler; starts no service.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-auto}

step() { printf '\n== %s\n' "$*"; }

# The version that the licences and bans were checked with.
cargo_deny=0.20.2

# The tests start their own redis-servers; Debian's package must not start another while it is installed.
install_redis() {
  local sudo policy=/usr/sbin/policy-rc.d installed=0
  sudo=$([ "$(id -u)" = 0 ] || echo sudo)
  $sudo apt-get update -qq
  if [ -e $policy ]; then
    $sudo apt-get install -y -qq redis-server
  else
    printf '#!/bin/sh\nexit 101\n' | $sudo install -m 755 /dev/stdin $policy
    $sudo apt-get install -y -qq redis-server || installed=$?
    $sudo rm $policy
    return $installed
  fi
}

step "what the tests need"
command -v redis-server >/dev/null || install_redis
redis-server --version
cargo deny --version 2>/dev/null || cargo install --locked --quiet cargo-deny --version "$cargo_deny"

step "format"
cargo fmt --check

step "lints"
cargo clippy --locked --workspace --all-targets -- -D warnings

step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --quiet

step "licences, bans and sources of dependencies"
cargo deny --config .deny.toml --locked --workspace check licenses bans sources

step "advisories"
if timeout 60 cargo deny fetch db >/dev/null 2>&1; then
  cargo deny --config .deny.toml --locked --workspace check advisories
else
  echo "left out: the advisory database cannot be reached from here"
fi

step "tests"
cargo test --locked --workspace

step "manifests"
deploy/lint.sh

step "conformance of client libraries"
deploy/conformance/run.sh

step "fuzz targets"
if [ ! -d bbb/fuzz ]; then
  echo "left out: there are none"
elif cargo +nightly --version >/dev/null 2>&1; then
  cargo +nightly check --locked --quiet --manifest-path bbb/fuzz/Cargo.toml
else
  echo "left out: they need a nightly toolchain"
fi

step "all checks passed"
