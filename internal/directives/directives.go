// Package directives puts ordering into the list of CoreDNS directives.
package directives

import "slices"

// landmark is the directive that ordering belongs directly before.
const landmark = "loadbalance"

// WithOrdering returns a copy of list with ordering inserted directly before loadbalance. It panics
// if list has no loadbalance: in another position ordering might see no answers.
func WithOrdering(list []string) []string {
	index := slices.Index(list, landmark)
	if index < 0 {
		panic("coredns: the directive list has no " + landmark + ", before which ordering belongs")
	}
	return slices.Insert(slices.Clone(list), index, "ordering")
}
