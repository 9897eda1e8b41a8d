{{- define "supportbundle.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 40 characters: the longest suffix is 22, and some kinds allow 63. */}}
{{- define "supportbundle.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "supportbundle.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "supportbundle.selector" -}}
app.kubernetes.io/name: {{ include "supportbundle.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "supportbundle.labels" -}}
{{ include "supportbundle.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: supportbundle-operator
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "supportbundle.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (default $.Chart.AppVersion .tag) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "supportbundle.collectPrefix" -}}
{{ include "supportbundle.fullname" . }}-collect-
{{- end -}}

{{- define "supportbundle.account" -}}
{{ printf "system:serviceaccount:%s:%s" .Release.Namespace (include "supportbundle.fullname" .) }}
{{- end -}}

{{/* "true" where the chart runs the S3 server itself. */}}
{{- define "supportbundle.embedded" -}}
{{- if not .Values.store.bucket -}}true{{- end -}}
{{- end -}}

{{/* The Secret that signs requests to the default destination; empty means the operator's cloud identity. */}}
{{- define "supportbundle.storeSecret" -}}
{{- if include "supportbundle.embedded" . -}}
{{- default (printf "%s-store" (include "supportbundle.fullname" .)) .Values.store.embedded.existingSecret -}}
{{- else -}}
{{- .Values.store.existingSecret -}}
{{- end -}}
{{- end -}}

{{/* Suffixes of the policies, in one place: templates/policy-*.yaml and the operator's settings must agree. */}}
{{- define "supportbundle.policies" -}}
requester{{ range (.Files.Get "files/capabilities.yaml" | fromYaml).capabilities }} requester-{{ lower .name }}{{ end }} collector-pods schedules approvals operator-makes operator-bundles operator-bindings operator-secrets operator-accounts operator-jobs operator-roles operator-never
{{- end -}}

{{/* A CEL list of Kubernetes' own namespaces: nothing is collected there. */}}
{{- define "supportbundle.systemNamespaces" -}}
['kube-system', 'kube-public', 'kube-node-lease']
{{- end -}}

{{/* A CEL pattern of the names of what is made for one bundle, without its end. */}}
{{- define "supportbundle.runName" -}}
^sb-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}
{{- end -}}

{{/*
What follows it: a binding's capability, or, in the operator's own namespace, the mark of a reviewer's link. Expects a dict
of resource.
*/}}
{{- define "supportbundle.runNameEnd" -}}
{{- if eq .resource "rolebindings" -}}(-[a-z]+|-review-[0-9a-f]{16})
{{- else if eq .resource "secrets" -}}(-review-[0-9a-f]{16})?
{{- else if eq .resource "roles" -}}-review-[0-9a-f]{16}
{{- end -}}
{{- end -}}

{{/* A policy's binding. Expects a dict of root and suffix. */}}
{{- define "supportbundle.policyBinding" -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ include "supportbundle.fullname" .root }}-{{ .suffix }}
  labels:
    {{- include "supportbundle.labels" .root | nindent 4 }}
spec:
  policyName: {{ include "supportbundle.fullname" .root }}-{{ .suffix }}
  validationActions: [Deny]
{{- end -}}

{{/* Only the operator's own account is held to a policy that has this. */}}
{{- define "supportbundle.ownAccountOnly" -}}
matchConditions:
- name: the-operators-own-account
  expression: request.userInfo.username == {{ include "supportbundle.account" . | squote }}
{{- end -}}

{{/*
The head of a policy on who creates a SupportBundle, with what its messages need and the check that all of them begin with.
Each policy may spend 10,000,000, and one check costs 350,000. Expects a dict of root, suffix and perhaps capability.
*/}}
{{- define "supportbundle.requesterPolicy" -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: {{ include "supportbundle.fullname" .root }}-{{ .suffix }}
  labels:
    {{- include "supportbundle.labels" .root | nindent 4 }}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
    - apiGroups: [supportbundle.dev]
      apiVersions: ['*']
      resources: [supportbundles]
      operations: [CREATE, UPDATE]
  matchConditions:
  # Metadata may change without the rights (removing a finalizer, for instance), and anybody who may edit may cancel.
  - name: asks-for-something-new
    expression: >-
      request.operation == 'CREATE' || (object.spec != oldObject.spec && !object.spec.cancel)
  {{- with .capability }}
  - name: with-the-capability
    expression: "'{{ . }}' in object.spec.capabilities"
  {{- end }}
  variables:
  - name: account
    expression: "has(object.spec.serviceAccountName) ? object.spec.serviceAccountName : ''"
  # Whose rights are used: an account that the requester may impersonate, or the requester's own.
  - name: rights
    expression: >-
      variables.account == '' ? authorizer : authorizer.serviceAccount(request.namespace, variables.account)
  - name: who
    expression: >-
      variables.account == '' ? request.userInfo.username
      : 'system:serviceaccount:' + request.namespace + ':' + variables.account
  # Made by the operator for a schedule, whose author was checked for impersonate on the account (policy schedules), and
  # which the policy operator-makes holds to that. All other checks are the same, on the account.
  - name: scheduled
    expression: request.userInfo.username == {{ include "supportbundle.account" .root | squote }}
  - name: lacks
    expression: "' in namespace ' + request.namespace + ', which ' + variables.who + ' lacks'"
  # The start and the end of the command that grants a right; between them stand the capability and its role.
  - name: bind
    expression: >-
      '. An admin can grant it: kubectl -n ' + request.namespace + ' create rolebinding \'supportbundle-'
  - name: role
    expression: >-
      ':' + variables.who.replace('/', '-') + '\' --user=\'' + variables.who + '\' --clusterrole='
{{- end -}}

{{/*
Naming an account is borrowing its rights, so it takes the right that Kubernetes has for that. The first validation of every
policy, so that nobody learns from the other answers what an account may do. Expects a dict of field, which names the account,
and perhaps unless, an expression of what needs no check.
*/}}
{{- define "supportbundle.mayImpersonate" -}}
- expression: >-
    variables.account == '' || {{ with .unless }}{{ . }} || {{ end }}authorizer.group('').resource('serviceaccounts')
    .namespace(request.namespace).name(variables.account).check('impersonate').allowed()
  messageExpression: >-
    '{{ .field }} ' + variables.account + ' needs the right impersonate on serviceaccounts/' + variables.account
    + ' in namespace ' + request.namespace + ', which ' + request.userInfo.username
    + ' lacks. An admin can grant it: kubectl -n ' + request.namespace + ' create role \'impersonate-' + variables.account
    + '\' --verb=impersonate --resource=serviceaccounts --resource-name=' + variables.account + ' && kubectl -n '
    + request.namespace + ' create rolebinding \'impersonate-' + variables.account + ':'
    + request.userInfo.username.replace('/', '-') + '\' --user=\'' + request.userInfo.username + '\' --role=\'impersonate-'
    + variables.account + '\''
  reason: Forbidden
{{- end -}}

{{/*
A policy on what the operator makes for bundles, with the validations that all kinds share: names and labels carry one
bundle's uid, in what is there as in what shall be there. Deleting goes by the name alone, or whoever removes a label would
keep the collectors' rights alive. Expects a dict of root, suffix, group and resource.
*/}}
{{- define "supportbundle.ownPolicy" -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: {{ include "supportbundle.fullname" .root }}-{{ .suffix }}
  labels:
    {{- include "supportbundle.labels" .root | nindent 4 }}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
    - apiGroups: [{{ .group | squote }}]
      apiVersions: ['*']
      resources: [{{ .resource }}]
      operations: [CREATE, UPDATE, DELETE]
  {{- include "supportbundle.ownAccountOnly" .root | nindent 2 }}
  variables:
  - name: seen
    expression: >-
      request.operation == 'CREATE' ? [object] : request.operation == 'DELETE' ? [oldObject] : [object, oldObject]
  {{- if eq .resource "secrets" }}
  # The key of a destination's pseudonyms, in the operator's own namespace: made once, never changed or removed.
  - name: makesKey
    expression: >-
      request.operation == 'CREATE' && request.namespace == '{{ .root.Release.Namespace }}'
      && object.metadata.name.startsWith('supportbundle-pseudonyms-')
  {{- end }}
  {{- if eq .resource "rolebindings" }}
  # A reviewer's link: somebody may read the Secret whose name the Role and the binding bear.
  - name: opensLink
    expression: >-
      object.roleRef.kind == 'Role' && object.roleRef.name == object.metadata.name
      && request.namespace == '{{ .root.Release.Namespace }}'
      && object.metadata.name.matches('{{ include "supportbundle.runName" . }}-review-[0-9a-f]{16}$')
  {{- end }}
  {{- if has .resource (list "jobs" "secrets") }}
  # A delivery runs beside the operator, whatever namespace its bundle is of.
  - name: delivery
    expression: >-
      request.namespace == '{{ .root.Release.Namespace }}'
      && variables.seen.all(o, o.metadata.name.matches('{{ include "supportbundle.runName" . }}-deliver$'))
  {{- end }}
  {{- if eq .resource "jobs" }}
  - name: pod
    expression: object.spec.template.spec
  - name: account
    expression: "has(variables.pod.serviceAccountName) ? variables.pod.serviceAccountName : 'default'"
  {{- end }}
  validations:
  - expression: >-
      {{ if eq .resource "secrets" }}variables.makesKey || {{ end }}variables.seen.all(o,
      {{ if has .resource (list "jobs" "secrets") }}(variables.delivery || {{ else }}({{ end -}}
      o.metadata.name.matches('{{ include "supportbundle.runName" . }}{{ include "supportbundle.runNameEnd" . }}$'))
      && (request.operation == 'DELETE' || (has(o.metadata.labels)
      && 'app.kubernetes.io/managed-by' in o.metadata.labels
      && o.metadata.labels['app.kubernetes.io/managed-by'] == 'supportbundle-operator'
      && 'supportbundle.dev/bundle-uid' in o.metadata.labels
      && o.metadata.labels['supportbundle.dev/bundle-uid'] == o.metadata.name.substring(3, 39))))
    message: the operator may touch only {{ .resource }} that it makes for a bundle, named and labelled by the bundle's uid
  - expression: >-
      request.namespace == '{{ .root.Release.Namespace }}' || variables.seen.all(o, !o.metadata.name.contains('-review-'))
    message: the operator keeps links for reviewers in its own namespace only
  - expression: request.operation != 'CREATE' || !(request.namespace in {{ include "supportbundle.systemNamespaces" . }})
    messageExpression: "'the operator makes nothing in ' + request.namespace + ', which belongs to Kubernetes itself'"
{{- end -}}

{{/* "true" where the admin has not left this capability switched off. Expects a dict of root and capability. */}}
{{- define "supportbundle.enabled" -}}
{{- if or (not .capability.optIn) (index .root.Values.capabilities (lower .capability.name)) -}}true{{- end -}}
{{- end -}}

{{/* The enabled capabilities, separated by spaces. */}}
{{- define "supportbundle.enabledCapabilities" -}}
{{- $names := list -}}
{{- range (.Files.Get "files/capabilities.yaml" | fromYaml).capabilities -}}
{{- if include "supportbundle.enabled" (dict "root" $ "capability" .) -}}{{- $names = append $names .name -}}{{- end -}}
{{- end -}}
{{ join " " $names }}
{{- end -}}

{{/* Quoted names of the ClusterRoles that collectors get, separated by commas. */}}
{{- define "supportbundle.collectRoles" -}}
{{- $prefix := include "supportbundle.collectPrefix" . -}}
{{- range $i, $name := splitList " " (include "supportbundle.enabledCapabilities" .) -}}
{{- if $i }}, {{ end }}'{{ $prefix }}{{ lower $name }}'
{{- end -}}
{{- end -}}

{{/* The image of debugging containers; empty where there are none. */}}
{{- define "supportbundle.debugImage" -}}
{{- if .Values.capabilities.debug -}}{{- default (include "supportbundle.image" .) .Values.debug.image -}}{{- end -}}
{{- end -}}

{{/* The specs of the templates that come with the chart, by name, as JSON. */}}
{{- define "supportbundle.templates" -}}
{{- $found := dict -}}
{{- if .Values.templates.shipped -}}
{{- range $path, $_ := .Files.Glob "files/templates/*.yaml" -}}
{{- $template := $.Files.Get $path | fromYaml -}}
{{- $_ := set $found $template.metadata.name $template.spec -}}
{{- end -}}
{{- end -}}
{{ toJson $found }}
{{- end -}}

{{/* Pull Secrets, as a pod lists them. */}}
{{- define "supportbundle.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
- name: {{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The way to object storage, as environment; collectors get the same from the operator. */}}
{{- define "supportbundle.proxyEnv" -}}
{{- with .Values.proxy }}
{{- if or .http .https }}
{{- with .http }}
- {name: HTTP_PROXY, value: {{ . | quote }}}
{{- end }}
{{- with .https }}
- {name: HTTPS_PROXY, value: {{ . | quote }}}
{{- end }}
- {name: NO_PROXY, value: {{ concat .noProxy (list ".svc" ".cluster.local" "localhost" "127.0.0.1") | uniq | join "," | quote }}}
{{- end }}
{{- end }}
{{- end -}}

{{/* The port of a URL, written or implied. */}}
{{- define "supportbundle.port" -}}
{{- $url := urlParse . -}}
{{- regexFind "[0-9]+$" (regexFind ":[0-9]+$" $url.host) | default (ternary "80" "443" (eq $url.scheme "http")) -}}
{{- end -}}

{{/* Ports of the buckets that the values name, each once, as JSON. */}}
{{- define "supportbundle.storePorts" -}}
{{- $ports := list -}}
{{- range list .Values.store .Values.staging -}}
{{- if .bucket -}}{{- $ports = append $ports (include "supportbundle.port" (.endpoint | default "https://s3") | int) -}}{{- end -}}
{{- end -}}
{{ uniq $ports | toJson }}
{{- end -}}
