{{/* Reading every kind that policy is made of, by agents and by the controller. */}}
{{- define "margay.readRules" -}}
- apiGroups: [""]
  resources: [pods, namespaces, nodes, serviceaccounts, services]
  verbs: [get, list, watch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [get, list, watch]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch]
- apiGroups: [policy.networking.k8s.io]
  resources: [clusternetworkpolicies, adminnetworkpolicies, baselineadminnetworkpolicies]
  verbs: [get, list, watch]
- apiGroups: [projectcalico.org, crd.projectcalico.org]
  resources:
    - tiers
    - networkpolicies
    - globalnetworkpolicies
    - stagednetworkpolicies
    - stagedglobalnetworkpolicies
    - stagedkubernetesnetworkpolicies
    - networksets
    - globalnetworksets
    - profiles
    - hostendpoints
  verbs: [get, list, watch]
# Calico's API server asks for the right to get a tier before it shows the policies in it.
- apiGroups: [projectcalico.org]
  resources: [tier.networkpolicies, tier.globalnetworkpolicies, tier.stagednetworkpolicies, tier.stagedglobalnetworkpolicies]
  verbs: [get, list, watch]
{{- end }}
