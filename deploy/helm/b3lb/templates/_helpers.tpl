{{- define "b3lb.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "b3lb.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "b3lb.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "b3lb.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "b3lb.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: b3lb
{{ include "b3lb.selector" . }}
{{- end }}

{{- define "b3lb.selector" -}}
app.kubernetes.io/name: {{ include "b3lb.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "b3lb.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "b3lb.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "b3lb.secretName" -}}
{{- default (include "b3lb.fullname" .) .Values.secrets.existingSecret }}
{{- end }}

{{/* An image: a digest counts more than a tag. Takes a dictionary with root and image. */}}
{{- define "b3lb.image" -}}
{{- if .image.digest }}
{{- printf "%s@%s" .image.repository .image.digest }}
{{- else }}
{{- printf "%s:%s" .image.repository (default .root.Chart.AppVersion .image.tag) }}
{{- end }}
{{- end }}

{{/* Whether the state is shared, so that there may be several control planes. */}}
{{- define "b3lb.hasRedis" -}}
{{- if (dig "redis" "address" "" .Values.config) }}true{{ end }}
{{- end }}

{{/* Where proxies find control planes: each of a fixed number of pods by its own name, so that the next one is taken when one is lost. */}}
{{- define "b3lb.controlPlanes" -}}
{{- $scheme := ternary "https" "http" (ne .Values.tls.controlPlaneSecret "") }}
{{- $name := printf "%s-control-plane" (include "b3lb.fullname" .) }}
{{- $urls := list }}
{{- range $number := until (int .Values.controlPlane.replicas) }}
{{- $urls = append $urls (printf "%s://%s-%d.%s-headless.%s.svc:8091" $scheme $name $number $name $.Release.Namespace) }}
{{- end }}
{{- toJson $urls }}
{{- end }}

{{/* The configuration of the control plane: what was given, and what the chart decides. */}}
{{- define "b3lb.controlPlaneConfig" -}}
{{- $control := dict "listen" "0.0.0.0:8091" }}
{{- if .Values.tls.controlPlaneSecret }}
{{- $_ := set $control "tls" (dict "certificate" "/run/b3lb/tls/tls.crt" "key" "/run/b3lb/tls/tls.key") }}
{{- end }}
{{- $mine := dict "control_plane" $control }}
{{- if .Values.controlPlane.persistence.enabled }}
{{- $_ := set $mine "state_dir" "/var/lib/b3lb" }}
{{- end }}
{{- mergeOverwrite (deepCopy .Values.config) (include "b3lb.upstream" . | fromYaml) $mine | toYaml }}
{{- end }}

{{/* The configuration of the proxies, which use neither Redis nor InfluxDB, and are not given their secrets. */}}
{{- define "b3lb.dataPlaneConfig" -}}
{{- $data := dict "admin_listen" "0.0.0.0:8092" "control_planes" (include "b3lb.controlPlanes" . | fromJsonArray) }}
{{- if .Values.tls.dataPlaneSecret }}
{{- $_ := set $data "tls" (dict "certificate" "/run/b3lb/tls/tls.crt" "key" "/run/b3lb/tls/tls.key") }}
{{- end }}
{{- $mine := dict "port" 8080 "data_plane" $data }}
{{- $given := omit (deepCopy .Values.config) "redis" "influxdb" "control_plane" "state_dir" }}
{{- mergeOverwrite $given (include "b3lb.upstream" . | fromYaml) $mine | toYaml }}
{{- end }}

{{- define "b3lb.upstream" -}}
{{- if .Values.tls.ca.secretName }}
upstream:
  ca_file: {{ printf "/run/b3lb/ca/%s" .Values.tls.ca.key }}
{{- end }}
{{- end }}

{{/* The keys that the Secret has. */}}
{{- define "b3lb.secretKeys" -}}
{{- $secrets := .Values.secrets }}
{{- if $secrets.existingSecret }}
{{- toJson $secrets.existingSecretKeys }}
{{- else }}
{{- $keys := list }}
{{- range $key, $name := (include "b3lb.secretNames" . | fromYaml) }}
{{- if index $secrets $name }}{{ $keys = append $keys $key }}{{ end }}
{{- end }}
{{- toJson $keys }}
{{- end }}
{{- end }}

{{/* The keys that the Secret can have, and the values that they are made of. */}}
{{- define "b3lb.secretNames" -}}
admin-api-key: adminApiKey
bigbluebutton-secret: bigbluebuttonSecret
influxdb-token: influxdbToken
proxy-token: proxyToken
redis-password: redisPassword
redis-sentinel-password: redisSentinelPassword
{{- end }}

{{/* The keys that proxies are given: what they show to control planes. */}}
{{- define "b3lb.proxySecretKeys" -}}
{{- $keys := include "b3lb.secretKeys" . | fromJsonArray }}
{{- ternary (list "proxy-token") (list "admin-api-key") (has "proxy-token" $keys) | toJson }}
{{- end }}

{{/* Where the programs find the secrets that they are given. Takes a list of keys. */}}
{{- define "b3lb.secretEnv" -}}
{{- $variables := dict "admin-api-key" "ADMIN_API_KEY" "bigbluebutton-secret" "BIGBLUEBUTTON_SECRET" "influxdb-token" "INFLUXDB_TOKEN" "proxy-token" "CONTROL_PLANE_PROXY_TOKEN" "redis-password" "REDIS_PASSWORD" "redis-sentinel-password" "REDIS_SENTINEL_PASSWORD" }}
{{- range $key := . }}
- name: B3LB_{{ index $variables $key }}_FILE
  value: /run/b3lb/secrets/{{ $key }}
{{- end }}
{{- end }}

{{/* The secrets as files. Takes a dictionary with root and keys. */}}
{{- define "b3lb.secretVolume" -}}
- name: secrets
  secret:
    secretName: {{ include "b3lb.secretName" .root }}
    items:
      {{- range $key := .keys }}
      - {key: {{ $key }}, path: {{ $key }}}
      {{- end }}
{{- end }}

{{- define "b3lb.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "b3lb.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Pods of a plane go to different nodes and zones where they can. Takes a dictionary with root and plane. */}}
{{- define "b3lb.spread" -}}
{{- range $key := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
- maxSkew: 1
  topologyKey: {{ $key }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "b3lb.selector" $.root | nindent 6 }}
      app.kubernetes.io/component: {{ $.plane }}
{{- end }}
{{- end }}

{{/* What would not run, said before anything is installed. */}}
{{- define "b3lb.check" -}}
{{- if and (gt (int .Values.controlPlane.replicas) 1) (not (include "b3lb.hasRedis" .)) }}
{{- fail "controlPlane.replicas: several control planes share a Redis; give config.redis.address, or set controlPlane.replicas to 1" }}
{{- end }}
{{- if and .Values.controlPlane.persistence.enabled (include "b3lb.hasRedis" .) }}
{{- fail "controlPlane.persistence: the state is in Redis (config.redis.address); keep one of the two" }}
{{- end }}
{{- if and (not .Values.secrets.existingSecret) (not .Values.secrets.adminApiKey) }}
{{- fail "secrets: give existingSecret, or adminApiKey" }}
{{- end }}
{{- if and .Values.dataPlane.ingress.enabled (not .Values.dataPlane.ingress.hosts) }}
{{- fail "dataPlane.ingress.hosts: an ingress needs the hosts that frontends call" }}
{{- end }}
{{- end }}
