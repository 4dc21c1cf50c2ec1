{{/* The Deployment of one component: `server`, or its copy `canary`. Takes `root` and `component`. */}}
{{- define "translate-svc.deployment" -}}
{{- $component := .component -}}
{{- $values := .root.Values -}}
{{- with .root -}}
{{- $labels := dict "app.kubernetes.io/name" "translate-svc" "app.kubernetes.io/component" $component -}}
{{- $secrets := dict "tls" .Values.tls "api-keys" .Values.apiKeys "resume-keys" .Values.resumeKeys -}}
{{- $image := .Values.image -}}
{{- if eq $component "canary" -}}
{{- /* The servers' digest would count more than a tag of its own. */ -}}
{{- if .Values.canary.image.tag -}}
{{- $image = omit $image "digest" -}}
{{- end -}}
{{- $image = mergeOverwrite (deepCopy $image) .Values.canary.image -}}
{{- end -}}
{{- $image = include "translate-svc.image" (dict "image" $image "version" .Chart.AppVersion) -}}
{{- /* preStop, the drain, and 23 s that a blocked peer may cost, all before Kubernetes kills. */ -}}
{{- $drain := get (include "translate-svc.settings" . | fromYaml) "TRANSLATE_SVC_DRAIN_GRACE_S" | float64 | ceil -}}
{{- $end := add .Values.preStopSeconds $drain 23 -}}
{{- if ge $end (int64 .Values.terminationGracePeriodSeconds) -}}
{{- fail (printf "terminationGracePeriodSeconds: must be more than %d, which preStopSeconds, TRANSLATE_SVC_DRAIN_GRACE_S and 23 s for a blocked peer take" $end) -}}
{{- end -}}
{{- $resources := deepCopy .Values.resources -}}
{{- if .Values.gpu.resource -}}
{{- range list "requests" "limits" -}}
{{- $_ := set (get $resources .) $values.gpu.resource 1 -}}
{{- end -}}
{{- end -}}
{{- if .Values.gpu.claim -}}
{{- $_ := set $resources "claims" (list (dict "name" "gpu")) -}}
{{- end -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: translate-svc{{ if eq $component "canary" }}-canary{{ end }}
  namespace: {{ .Release.Namespace }}
  labels:
    {{- toYaml $labels | nindent 4 }}
    {{- if eq $component "server" }}
    app.kubernetes.io/part-of: translate-svc
    {{- end }}
spec:
  {{- if eq $component "canary" }}
  replicas: {{ .Values.canary.replicas }}
  {{- else if not .Values.keda.enabled }}
  replicas: {{ .Values.replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  # longer than the startup budget, so that a slow volume is not taken for a failed roll
  progressDeadlineSeconds: 900
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxSurge: 1
      maxUnavailable: 0
  selector:
    matchLabels:
      {{- toYaml $labels | nindent 6 }}
  template:
    metadata:
      labels:
        {{- toYaml $labels | nindent 8 }}
      {{- with .Values.podAnnotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      priorityClassName: translate-svc
      {{- with .Values.gpu.runtimeClassName }}
      runtimeClassName: {{ . }}
      {{- end }}
      {{- if .Values.gpu.claim }}
      resourceClaims:
        - name: gpu
          resourceClaimTemplateName: translate-svc-gpu
      {{- end }}
      serviceAccountName: translate-svc
      automountServiceAccountToken: false
      # A Service named translate-svc would inject TRANSLATE_SVC_PORT=tcp://..., which the server takes for its port.
      enableServiceLinks: false
      terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
      {{- with .Values.image.pullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext:
        runAsNonRoot: true
        runAsUser: 10001
        runAsGroup: 10001
        fsGroup: 10001
        fsGroupChangePolicy: OnRootMismatch
        seccompProfile:
          type: RuntimeDefault
      {{- range $key := list "tolerations" "nodeSelector" "affinity" }}
      {{- with get $values $key }}
      {{ $key }}:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- end }}
      topologySpreadConstraints:
        {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
        - maxSkew: 1
          topologyKey: {{ . }}
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              {{- toYaml $labels | nindent 14 }}
          matchLabelKeys: [pod-template-hash]
        {{- end }}
      initContainers:
        {{- if .Values.model.starterImage }}
        - name: copy-model
          image: {{ .Values.model.starterImage }}
          command: [cp, -r, /starter, /models/]
          resources:
            {{- toYaml .Values.model.resources | nindent 12 }}
          securityContext:
            {{- include "translate-svc.restricted" . | nindent 12 }}
          volumeMounts:
            - name: models
              mountPath: /models
        {{- end }}
        - name: verify-model
          image: {{ $image }}
          args: [models, verify, $(TRANSLATE_SVC_MODEL)]
          envFrom:
            - configMapRef:
                name: {{ include "translate-svc.settings-name" . }}
          resources:
            {{- toYaml .Values.model.resources | nindent 12 }}
          securityContext:
            {{- include "translate-svc.restricted" . | nindent 12 }}
          volumeMounts:
            - name: models
              mountPath: /models
              readOnly: true
      containers:
        - name: server
          image: {{ $image }}
          args: [serve]
          envFrom:
            - configMapRef:
                name: {{ include "translate-svc.settings-name" . }}
          env:
            # Torch would start a thread for every core of the node.
            - name: OMP_NUM_THREADS
              {{- if gt (int .Values.frontProcesses) 1 }}
              value: "1"
              {{- else }}
              valueFrom:
                resourceFieldRef:
                  resource: requests.cpu
              {{- end }}
            {{- with .Values.extraEnv }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          ports:
            - name: grpc
              containerPort: 50051
            - name: admin
              containerPort: 9090
            {{- if .Values.http }}
            - name: http
              containerPort: 8080
            {{- end }}
          resources:
            {{- toYaml $resources | nindent 12 }}
          securityContext:
            {{- include "translate-svc.restricted" . | nindent 12 }}
          startupProbe:
            httpGet: {path: /readyz, port: admin}
            periodSeconds: {{ .Values.startupPeriodSeconds }}
            timeoutSeconds: 2
            failureThreshold: {{ .Values.startupFailureThreshold }}
          readinessProbe:
            httpGet: {path: /readyz, port: admin}
            periodSeconds: {{ .Values.readinessPeriodSeconds }}
            timeoutSeconds: 2
            failureThreshold: 2
          # /healthz, never /readyz: a server that drains is not ready, and must not be killed for it.
          livenessProbe:
            httpGet: {path: /healthz, port: admin}
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 3
          lifecycle:
            preStop:
              # until every client and proxy has heard that this address is going
              sleep:
                seconds: {{ .Values.preStopSeconds }}
          volumeMounts:
            - name: tmp
              mountPath: /tmp
            - name: models
              mountPath: /models
              readOnly: true
            {{- range $name, $wanted := $secrets }}
            {{- if $wanted }}
            - name: {{ $name }}
              mountPath: /etc/translate-svc/{{ $name }}
              readOnly: true
            {{- end }}
            {{- end }}
            {{- with .Values.extraVolumeMounts }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
      volumes:
        # Files of callers while they are translated: 16 of 25 MiB for each front process.
        - name: tmp
          emptyDir:
            sizeLimit: 2Gi
        - name: models
          {{- if .Values.model.starterImage }}
          emptyDir:
            sizeLimit: 1Gi
          {{- else }}
          persistentVolumeClaim:
            claimName: {{ .Values.model.claim }}
            readOnly: true
          {{- end }}
        {{- range $name, $wanted := $secrets }}
        {{- if $wanted }}
        - name: {{ $name }}
          secret:
            secretName: translate-svc-{{ $name }}
            defaultMode: 0440
        {{- end }}
        {{- end }}
        {{- with .Values.extraVolumes }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
{{- end }}
{{- end }}
