#!/usr/bin/env bash
# Measures what one call costs in the data plane, beside nginx and HAProxy: the same client, the same nginx answering, each proxy alone
# on one core, in turn, three rounds. Everything stays on the loopback interface and ends by itself.
#
#   deploy/bench/run.sh [seconds per run, 8 unless given]
#
# Prints for each run requests/s, p50 and p99 of the latency, and the busy time of the proxy's core per request (from /proc/stat), which
# is the steadiest figure on a small machine: the client and nginx share the other core and may be what limits requests/s.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=${1:-8}
rounds=3
connections=64
proxy_core=0
load_core=1
secret=0ol5t44UR21rrP0xL5ou7IBFumWF3GENebgW1RyTfbU
instance_secret=bench-instance-secret
backend_port=18081 nginx_port=18082 haproxy_port=18083 b3lb_port=18084 control_port=18085 admin_port=18086

[ "$(nproc)" -ge 2 ] || { echo "the measurement needs two cores: one for the proxy, one for the rest" >&2; exit 1; }
missing=()
for program in nginx haproxy wrk curl; do command -v "$program" >/dev/null || missing+=("$program"); done
if [ ${#missing[@]} -gt 0 ]; then
  sudo=$([ "$(id -u)" = 0 ] || echo sudo)
  $sudo apt-get update -qq
  $sudo apt-get install -y -qq "${missing[@]}"
fi
cargo build --release --locked --bin b3lb-control-plane --bin b3lb-data-plane --bin b3lbctl

dir=$(mktemp -d)
chmod 755 "$dir" # as root, nginx reads the answers as another user
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$dir"' EXIT

on() { # core, program...: starts a program on one core
  local core=$1; shift
  taskset -c "$core" "$@" >>"$dir/log" 2>&1 &
  pids+=($!)
}

# A getMeetingInfo answer of 903 bytes, and the least that the control plane's checks and a create need.
head='<response><returncode>SUCCESS</returncode>'
info="$head<meetingID>bench</meetingID>$(head -c 822 /dev/zero | tr '\0' x)</response>"
mkdir -p "$dir/www/bigbluebutton/api" "$dir/tmp"
printf %s "$info" >"$dir/www/bigbluebutton/api/getMeetingInfo"
printf %s "$head<meetings><meeting><meetingID>bench</meetingID></meeting></meetings></response>" >"$dir/www/bigbluebutton/api/getMeetings"
printf %s "$head<meetingID>bench</meetingID></response>" >"$dir/www/bigbluebutton/api/create"

nginx_conf() { # name, body of the http block
  cat >"$dir/$1.conf" <<EOF
daemon off; worker_processes 1; pid $dir/$1.pid; error_log $dir/$1.log;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 100000000; default_type text/xml;
  client_body_temp_path $dir/tmp; proxy_temp_path $dir/tmp; fastcgi_temp_path $dir/tmp; uwsgi_temp_path $dir/tmp; scgi_temp_path $dir/tmp;
  $2
}
EOF
}
nginx_conf backend "open_file_cache max=16; server { listen 127.0.0.1:$backend_port backlog=4096; root $dir/www; }"
nginx_conf proxy "upstream instance { server 127.0.0.1:$backend_port; keepalive 128; keepalive_requests 100000000; }
  server { listen 127.0.0.1:$nginx_port backlog=4096; location / { proxy_pass http://instance; proxy_http_version 1.1; proxy_set_header Connection \"\"; } }"
cat >"$dir/haproxy.cfg" <<EOF
global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend public
  bind 127.0.0.1:$haproxy_port
  default_backend instances
backend instances
  http-reuse always
  server instance 127.0.0.1:$backend_port
EOF
cat >"$dir/b3lb.yaml" <<EOF
bigbluebutton:
  secret: $secret
admin:
  api_key: bench-admin-key
port: $b3lb_port
control_plane:
  listen: 127.0.0.1:$control_port
data_plane:
  control_planes: ["http://127.0.0.1:$control_port"]
  admin_listen: 127.0.0.1:$admin_port
  workers: 1
log:
  level: warn
EOF

on $load_core nginx -p "$dir" -c "$dir/backend.conf"
on $proxy_core nginx -p "$dir" -c "$dir/proxy.conf"
on $proxy_core haproxy -f "$dir/haproxy.cfg"
on $load_core target/release/b3lb-control-plane --config "$dir/b3lb.yaml"
on $proxy_core target/release/b3lb-data-plane --config "$dir/b3lb.yaml"

url() { # port, call, query: the signed url
  local checksum
  checksum=$(printf %s "$2$3$secret" | sha1sum | cut -d' ' -f1)
  echo "http://127.0.0.1:$1/bigbluebutton/api/$2?$3&checksum=$checksum"
}
await() { # what, command...: until the command succeeds, 20 s at most
  local what=$1; shift
  for _ in $(seq 200); do "$@" >/dev/null 2>&1 && return; sleep 0.1; done
  echo "$what did not come up; its log:" >&2; cat "$dir/log" >&2; exit 1
}
export B3LB_ADDRESS=http://127.0.0.1:$control_port B3LB_ADMIN_API_KEY=bench-admin-key
await "the control plane" target/release/b3lbctl status
B3LB_INSTANCE_SECRET=$instance_secret target/release/b3lbctl add instance "http://127.0.0.1:$backend_port/bigbluebutton"
created() { curl -fsS "$(url $b3lb_port create 'meetingID=bench&name=bench')" | grep -q SUCCESS; }
await "the data plane" created
query='meetingID=bench&random=8f14e45fceea167a5a36dedd4bea2543'
answers() { [ "$(curl -fsS "$(url "$1" getMeetingInfo "$query")" | wc -c)" = 903 ]; }
for port in $backend_port $nginx_port $haproxy_port $b3lb_port; do await "port $port" answers "$port"; done

busy() { # clock ticks that the proxy's core was busy since boot
  awk -v core="cpu$proxy_core" '$1 == core { print $2 + $3 + $4 + $7 + $8 + $9 }' /proc/stat
}
measure() { # name, port
  local before after out requests
  taskset -c $load_core wrk -t1 -c$connections -d1s "$(url "$2" getMeetingInfo "$query")" >/dev/null
  before=$(busy)
  out=$(taskset -c $load_core wrk -t1 -c$connections -d"${seconds}s" --latency "$(url "$2" getMeetingInfo "$query")")
  after=$(busy)
  requests=$(awk '/requests in/ { print $1 }' <<<"$out")
  ! grep -E 'Non-2xx|Socket errors' <<<"$out" >&2 || { echo "$1 failed calls" >&2; exit 1; }
  awk -v name="$1" -v ticks=$((after - before)) -v hz="$(getconf CLK_TCK)" -v requests="$requests" '
    /Requests\/sec/ { rate = $2 } $1 == "50%" { p50 = $2 } $1 == "99%" { p99 = $2 }
    END { printf "%-12s %10.0f %10s %10s %12.2f\n", name, rate, p50, p99, ticks / hz / requests * 1e6 }' <<<"$out" | tee -a "$dir/results"
}
printf '%-12s %10s %10s %10s %12s\n' proxy requests/s p50 p99 'core µs/req'
for _ in $(seq $rounds); do
  measure haproxy $haproxy_port
  measure nginx $nginx_port
  measure b3lb $b3lb_port
done
awk '{ sum[$1] += $5; n[$1]++ } END {
  printf "\nmean core time per request: haproxy %.2f µs, nginx %.2f µs, b3lb %.2f µs\n", sum["haproxy"]/n["haproxy"], sum["nginx"]/n["nginx"], sum["b3lb"]/n["b3lb"]
  printf "b3lb is %.2f x haproxy and %.2f x nginx\n", (sum["b3lb"]/n["b3lb"])/(sum["haproxy"]/n["haproxy"]), (sum["b3lb"]/n["b3lb"])/(sum["nginx"]/n["nginx"]) }' "$dir/results"
