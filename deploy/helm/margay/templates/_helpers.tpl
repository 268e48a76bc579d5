{{/* The image by its digest, or by its tag. */}}
{{- define "margay.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* Labels of every object. Call with (dict "root" $ "component" NAME). */}}
{{- define "margay.labels" -}}
{{ include "margay.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: margay
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What a workload knows its pods by: it may never change. */}}
{{- define "margay.selector" -}}
app.kubernetes.io/name: margay
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* The agents' environment. */}}
{{- define "margay.agentEnvironment" -}}
- name: MARGAY_NODE_NAME
  valueFrom:
    fieldRef:
      fieldPath: spec.nodeName
{{- with .Values.apiServer.host }}
- name: KUBERNETES_SERVICE_HOST
  value: {{ . | quote }}
- name: KUBERNETES_SERVICE_PORT
  value: {{ $.Values.apiServer.port | quote }}
{{- end }}
{{- end }}

{{/* Probes of agents: on the node itself, since they are on its network. */}}
{{- define "margay.agentProbes" -}}
{{- if ne .Values.agent.config.healthAddress "off" -}}
{{- $port := regexReplaceAll "^.*:" .Values.agent.config.healthAddress "" | int }}
{{- $host := regexReplaceAll ":[0-9]+$" .Values.agent.config.healthAddress "" | trimAll "[]" }}
{{- $host = get (dict "0.0.0.0" "127.0.0.1" "::" "::1") $host | default $host -}}
startupProbe:
  httpGet: {host: {{ $host | quote }}, port: {{ $port }}, path: /liveness}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: {host: {{ $host | quote }}, port: {{ $port }}, path: /liveness}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {host: {{ $host | quote }}, port: {{ $port }}, path: /readiness}
  periodSeconds: 5
  timeoutSeconds: 5
{{- end }}
{{- end }}

{{/* Whether an address is on loopback. */}}
{{- define "margay.isLoopback" -}}
{{- if regexMatch "^(127\\.|\\[::1\\]|localhost:)" . }}true{{ end }}
{{- end }}
