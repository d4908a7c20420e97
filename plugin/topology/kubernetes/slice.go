package kubernetes

import (
	"net/netip"
	"slices"
	"unique"

	discovery "k8s.io/api/discovery/v1"
)

// ownSlices is the value of the label discovery.LabelManagedBy of slices that the cluster's own
// controller writes, from its Pods.
const ownSlices = "endpointslice-controller.k8s.io"

// importLabels are the labels of slices that the multi-cluster services API imports from other
// clusters (https://github.com/kubernetes-sigs/mcs-api, pkg/apis/v1alpha1/well_known_labels.go).
var importLabels = []string{"multicluster.kubernetes.io/service-name", "multicluster.kubernetes.io/source-cluster"}

// origin says who wrote an EndpointSlice.
type origin uint8

const (
	own      origin = iota // the cluster's own controller
	handMade               // nobody knows; may name nodes of this cluster
	imported               // another cluster, or another controller; names nodes that are not this cluster's
)

// sliceInfo is what a Cluster needs of an EndpointSlice.
type sliceInfo struct {
	namespace, name string
	endpoints       []endpoint
}

func (s *sliceInfo) key() [2]string { return [2]string{s.namespace, s.name} }

// endpoint is one address of an endpoint. The names are interned, as many endpoints share them. An
// empty name is not known.
type endpoint struct {
	addr netip.Addr
	claim
}

// claim says where an endpoint is.
type claim struct {
	node, zone unique.Handle[string]
	origin     origin
}

// isOwn reports whether the cluster's own controller wrote c.
func (c claim) isOwn() bool { return c.origin == own }

// trimSlice returns a *sliceInfo for a *discovery.EndpointSlice, which it does not change, and any
// other object as it is. It keeps endpoints that are not ready as well: their location is the same.
func trimSlice(object any) (any, error) {
	slice, ok := object.(*discovery.EndpointSlice)
	if !ok {
		return object, nil
	}
	info := &sliceInfo{namespace: slice.Namespace, name: slice.Name}
	if slice.AddressType == discovery.AddressTypeFQDN {
		return info, nil
	}
	origin := originOf(slice.Labels)
	info.endpoints = make([]endpoint, 0, len(slice.Endpoints))
	for _, e := range slice.Endpoints {
		if e.NodeName == nil && e.Zone == nil {
			continue
		}
		c := claim{intern(e.NodeName), intern(e.Zone), origin}
		for _, address := range e.Addresses {
			if addr, err := netip.ParseAddr(address); err == nil {
				info.endpoints = append(info.endpoints, endpoint{addr.Unmap().WithZone(""), c})
			}
		}
	}
	return info, nil
}

// originOf returns who wrote the slice with these labels.
func originOf(labels map[string]string) origin {
	isThere := func(label string) bool { _, found := labels[label]; return found }
	switch by, managed := labels[discovery.LabelManagedBy]; {
	case managed && by != ownSlices, slices.ContainsFunc(importLabels, isThere):
		return imported
	case managed:
		return own
	}
	return handMade
}

func intern(name *string) unique.Handle[string] {
	if name == nil {
		return unique.Make("")
	}
	return unique.Make(*name)
}
