package ordering

// Ready reports whether every topology has been read completely once. It implements
// ready.Readiness.
func (o *Ordering) Ready() bool {
	for _, t := range o.zones.topologies() {
		if !t.Ready() {
			return false
		}
	}
	return true
}
