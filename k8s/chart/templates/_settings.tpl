{{/* The variables of a server: base/settings.env, then components, then the values. Later ones count more. */}}
{{- define "translate-svc.settings" -}}
{{- $settings := dict }}
{{- range splitList "\n" (.Files.Get "base/settings.env") }}
{{- if and . (not (hasPrefix "#" .)) }}
{{- $pair := splitn "=" 2 . }}
{{- $_ := set $settings $pair._0 $pair._1 }}
{{- end }}
{{- end }}
{{- if .Values.tls }}
{{- $_ := set $settings "TRANSLATE_SVC_TLS_CERTIFICATE" "/etc/translate-svc/tls/tls.crt" }}
{{- $_ := set $settings "TRANSLATE_SVC_TLS_KEY" "/etc/translate-svc/tls/tls.key" }}
{{- end }}
{{- if .Values.apiKeys }}
{{- $_ := set $settings "TRANSLATE_SVC_API_KEYS" "/etc/translate-svc/api-keys/keys" }}
{{- end }}
{{- if .Values.resumeKeys }}
{{- $_ := set $settings "TRANSLATE_SVC_RESUME_KEYS" "/etc/translate-svc/resume-keys/keys" }}
{{- end }}
{{- if .Values.http }}
{{- $_ := set $settings "TRANSLATE_SVC_HTTP" "0.0.0.0:8080" }}
{{- end }}
{{- if gt (int .Values.frontProcesses) 1 }}
{{- $_ := set $settings "TRANSLATE_SVC_FRONT_PROCESSES" (toString .Values.frontProcesses) }}
{{- end }}
{{- if .Values.tracing.enabled }}
{{- $endpoint := printf "http://otel-collector.%s.svc:4317" .Values.tracing.namespace }}
{{- $_ := set $settings "OTEL_EXPORTER_OTLP_ENDPOINT" $endpoint }}
{{- $_ := set $settings "OTEL_EXPORTER_OTLP_PROTOCOL" "grpc" }}
{{- $_ := set $settings "OTEL_TRACES_SAMPLER" "parentbased_traceidratio" }}
{{- $_ := set $settings "OTEL_TRACES_SAMPLER_ARG" .Values.tracing.ratio }}
{{- end }}
{{- range $name, $value := .Values.settings }}
{{- with get (dict "TRANSLATE_SVC_FRONT_PROCESSES" "frontProcesses" "TRANSLATE_SVC_HTTP" "http") $name }}
{{- fail (printf "settings.%s: set `%s` instead, which ports, threads and routes follow too" $name .) }}
{{- end }}
{{- $_ := set $settings $name $value }}
{{- end }}
{{- toYaml $settings }}
{{- end }}

{{/* The name carries a hash of the contents, so a changed setting rolls the pods. */}}
{{- define "translate-svc.settings-name" -}}
translate-svc-settings-{{ include "translate-svc.settings" . | sha256sum | trunc 10 }}
{{- end }}

{{/* Takes `image` and `version`. */}}
{{- define "translate-svc.image" -}}
{{- if .image.digest }}{{ .image.repository }}@{{ .image.digest }}
{{- else }}{{ .image.repository }}:{{ .image.tag | default (printf "%s-gpu" .version) }}
{{- end }}
{{- end }}

{{- define "translate-svc.restricted" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}
