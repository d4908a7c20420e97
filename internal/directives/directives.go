// Package directives knows where ordering stands among CoreDNS's directives.
package directives

import "slices"

// landmark is the directive that ordering stands directly before.
const landmark = "loadbalance"

// WithOrdering returns a copy of list with ordering directly before the
// landmark. It panics if the landmark is not there: at any other place ordering
// might never see an answer.
func WithOrdering(list []string) []string {
	place := slices.Index(list, landmark)
	if place < 0 {
		panic("coredns: no directive " + landmark + " to put ordering before")
	}
	return slices.Insert(slices.Clone(list), place, "ordering")
}
