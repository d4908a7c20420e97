package ordering

import "slices"

// landmark is the directive that ordering belongs directly before.
const landmark = "loadbalance"

// Directives returns a copy of list with ordering inserted directly before loadbalance, where it
// sees the answers of every plugin that has some. A main package that compiles ordering in calls it
// before it starts the server:
//
//	dnsserver.Directives = ordering.Directives(dnsserver.Directives)
//
// Directives panics if list has no loadbalance, because in another position ordering might see no
// answers, and if list has ordering already, because CoreDNS would run its setup twice.
func Directives(list []string) []string {
	index := slices.Index(list, landmark)
	if index < 0 {
		panic("ordering: the directive list has no " + landmark + ", before which ordering belongs")
	}
	if slices.Contains(list, pluginName) {
		panic("ordering: the directive list has ordering already")
	}
	return slices.Insert(slices.Clone(list), index, pluginName)
}
