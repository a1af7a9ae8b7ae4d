#!/usr/bin/env bash
# Builds the Debian packages b3lb, b3lb-control-plane, b3lb-data-plane, b3lbctl and b3lb-common into target/debian, for the Debian and the
# processor that it runs on. Needs Rust, a C compiler and dpkg-dev.
set -euo pipefail
cd "$(dirname "$0")/../.."

cargo deb --version 2>/dev/null || cargo install --locked --quiet cargo-deb --version 3.8.0
cargo build --locked --release --bin b3lb --bin b3lb-control-plane --bin b3lb-data-plane --bin b3lbctl
built=${CARGO_TARGET_DIR:-target}/release
mkdir -p "$built/completions"
rm -rf "$built/man"
"$built/b3lbctl" man "$built/man"
gzip -9n "$built"/man/*.1
"$built/b3lbctl" completion bash >"$built/completions/b3lbctl"
"$built/b3lbctl" completion zsh >"$built/completions/_b3lbctl"
"$built/b3lbctl" completion fish >"$built/completions/b3lbctl.fish"
for package in b3lb-config b3lb b3lb-control-plane b3lb-data-plane b3lbctl; do
  cargo deb --quiet --locked --no-build --no-dbgsym --package "$package"
done
