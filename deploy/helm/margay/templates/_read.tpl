{{/* What the controller tells of: policies that are enforced. Of Calico's, both spellings; its API server shows policies to who may get their tier. */}}
{{- define "margay.readPolicies" -}}
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch]
- apiGroups: [policy.networking.k8s.io]
  resources: [clusternetworkpolicies, adminnetworkpolicies, baselineadminnetworkpolicies]
  verbs: [get, list, watch]
- apiGroups: [projectcalico.org, crd.projectcalico.org]
  resources: [networkpolicies, globalnetworkpolicies]
  verbs: [get, list, watch]
- apiGroups: [projectcalico.org]
  resources: [tiers]
  verbs: [get]
- apiGroups: [projectcalico.org]
  resources: [tier.networkpolicies, tier.globalnetworkpolicies]
  verbs: [get, list, watch]
{{- end }}

{{/* What agents make of them, and the rest of what policy is made of. */}}
{{- define "margay.readAll" -}}
{{ include "margay.readPolicies" . }}
- apiGroups: [""]
  resources: [pods, namespaces, nodes, serviceaccounts, services]
  verbs: [get, list, watch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [get, list, watch]
- apiGroups: [projectcalico.org, crd.projectcalico.org]
  resources:
    - tiers
    - stagednetworkpolicies
    - stagedglobalnetworkpolicies
    - stagedkubernetesnetworkpolicies
    - networksets
    - globalnetworksets
    - profiles
    - hostendpoints
  verbs: [get, list, watch]
# By their names, where the agent starts.
- apiGroups: [projectcalico.org, crd.projectcalico.org]
  resources: [felixconfigurations]
  verbs: [get]
- apiGroups: [projectcalico.org]
  resources: [tier.stagednetworkpolicies, tier.stagedglobalnetworkpolicies]
  verbs: [get, list, watch]
{{- end }}
