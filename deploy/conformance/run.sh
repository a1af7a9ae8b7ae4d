#!/usr/bin/env bash
# Holds B3LB to one BigBlueButton: client libraries walk through the API straight at one simulated instance, and again through B3LB at a
# pool of two. What they see must be the same, but for what differs by its nature (normalise.sed).
#
#   deploy/conformance/run.sh       # SHOW=1 prints every step, too
#
# Installs what the libraries need if it is missing, each library in its pinned version below the target directory, and ends whatever
# it started. Everything listens on the loopback interface.
set -euo pipefail
cd "$(dirname "$0")"
here=$PWD
cd ../..
target=${CARGO_TARGET_DIR:-$PWD/target}
libraries=$target/conformance
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-auto}

# Seconds that one walk may take; it needs five.
walk_max=120

install_missing() {
  local missing=() sudo
  python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
  command -v node >/dev/null || missing+=(nodejs)
  command -v npm >/dev/null || missing+=(npm)
  command -v pkg-config >/dev/null || missing+=(pkg-config)
  pkg-config --exists openssl 2>/dev/null || missing+=(libssl-dev)
  [ ${#missing[@]} = 0 ] && return
  sudo=$([ "$(id -u)" = 0 ] || echo sudo)
  $sudo apt-get update -qq
  $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

install_missing
mkdir -p "$libraries/node"
# With the tests, whose dependencies have the same features, so that none is built once more.
cargo build --locked --quiet --workspace --bins --tests
CARGO_TARGET_DIR=$libraries/rust cargo build --locked --quiet --manifest-path "$here/rust/Cargo.toml"
[ -x "$libraries/python/bin/python" ] || python3 -m venv "$libraries/python"
"$libraries/python/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r "$here/requirements.txt"
# Node looks for libraries beside the program.
cp "$here"/package.json "$here"/package-lock.json "$here"/walk.mjs "$libraries/node/"
(cd "$libraries/node" && npm ci --ignore-scripts --no-audit --no-fund --silent)

dir=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$dir"' EXIT

await() { # what, command...: until the command succeeds, 30 s at most
  local what=$1; shift
  for _ in $(seq 300); do "$@" >/dev/null 2>&1 && return; sleep 0.1; done
  echo "not in time: $what; the log:" >&2; cat "$dir/log" >&2; exit 1
}

read -r port control_port admin_port < <(python3 -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
print(*(each.getsockname()[1] for each in sockets))')
cat >"$dir/b3lb.yaml" <<EOF
bigbluebutton:
  secret: frontend-secret
  recordings_poll_interval: 1s
admin:
  api_key: conformance-admin-key
port: $port
control_plane:
  listen: 127.0.0.1:$control_port
  check_interval: 1s
data_plane:
  control_planes: ["http://127.0.0.1:$control_port"]
  admin_listen: 127.0.0.1:$admin_port
EOF

export B3LB_SIM_SECRET=instance-secret B3LB_INSTANCE_SECRET=instance-secret
"$target/debug/b3lb-sim" instance --listen 127.0.0.1:0 --count 3 --users 0 --processing 1s >"$dir/urls" 2>>"$dir/log" &
pids+=($!)
"$target/debug/b3lb-control-plane" --config "$dir/b3lb.yaml" >>"$dir/log" 2>&1 &
pids+=($!)
"$target/debug/b3lb-data-plane" --config "$dir/b3lb.yaml" >>"$dir/log" 2>&1 &
pids+=($!)

there_are_three() { [ "$(wc -l <"$dir/urls")" = 3 ]; }
await "the instances" there_are_three
mapfile -t instances <"$dir/urls"
export B3LB_ADDRESS=http://127.0.0.1:$control_port B3LB_ADMIN_API_KEY=conformance-admin-key
await "the control plane" "$target/debug/b3lbctl" status
for instance in "${instances[@]:0:2}"; do "$target/debug/b3lbctl" add instance "$instance" >/dev/null; done
online() { [ "$("$target/debug/b3lbctl" get instances | grep -c ' yes ')" = 2 ]; }
await "both instances" online
ready() { python3 -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:$admin_port/readyz')"; }
await "the proxy" ready

failed=0
walk() { # straight or balanced, url, secret, command...
  local how=$1 url=$2 secret=$3; shift 3
  timeout $walk_max "$@" "$url" "$secret" >"$dir/$name.$how" || { echo "$name: the $how walk broke off" >&2; failed=1; }
}
compare() { # name, command...: one library's walk, which is given a url and a secret
  local name=$1; shift
  walk straight "${instances[2]}" instance-secret "$@"
  walk balanced "http://127.0.0.1:$port/bigbluebutton" frontend-secret "$@"
  for how in straight balanced; do sed -E -f "$here/normalise.sed" "$dir/$name.$how" >"$dir/$name.$how.txt"; done
  if diff -U0 --label "$name, straight at an instance" --label "$name, through B3LB" "$dir/$name.straight.txt" "$dir/$name.balanced.txt"; then
    echo "$name: $(wc -l <"$dir/$name.balanced.txt") steps, the same"
  else
    failed=1
  fi
}

# The first of them sees all meetings there are.
compare rust "$libraries/rust/debug/walk"
compare python "$libraries/python/bin/python" "$here/walk.py"
compare node node "$libraries/node/walk.mjs"
[ -z "${SHOW:-}" ] || cat "$dir"/*.balanced.txt
exit $failed
