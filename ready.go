package ordering

// Ready reports whether every topology has been learned once. It implements ready.Readiness.
func (o *Ordering) Ready() bool {
	for _, t := range o.rules.topologies() {
		if !t.Ready() {
			return false
		}
	}
	return true
}
