package chain

import (
	"slices"

	"github.com/coredns-ordering/ordering"

	"github.com/coredns/caddy"
)

// Check returns the errors for which CoreDNS would not start with a Corefile, and what ordering would
// warn of. It finds the first error of each directive, and starts nothing.
func Check(corefile caddy.Input) (errs []error, warnings []string) {
	l, err := load(corefile, true, new(probes))
	if err != nil {
		return []error{err}, nil
	}
	defer l.copies.remove()
	if len(l.errs) > 0 {
		return l.errs, nil
	}
	if _, err := l.context.MakeServers(); err != nil {
		return []error{err}, nil
	}
	for _, config := range l.configs() {
		found, err := ordering.Check(config)
		if err != nil {
			errs = append(errs, err)
		}
		warnings = append(warnings, found...)
	}
	slices.Sort(warnings) // the keys of a server block have the same ones
	return errs, slices.Compact(warnings)
}
