package topology

// maxSteps limits how many runs of addresses with one location a scope looks at in each direction.
const maxSteps = 256

// layers are what a Table knows of one family: single addresses on top of networks.
type layers[K address[K]] struct {
	networks spans[K]
	hosts    hosts[K]

	networkLocations, hostLocations []*Location // by number; the first is for none
}

// find returns the location of a, nil for none, and the length of the network that gives it. That is
// the size of an address for a single address, even if its location is not known.
func (l *layers[K]) find(a K) (location *Location, length int) {
	if l.hosts.length > 0 {
		if number := l.hosts.find(a); number != 0 {
			return l.hostLocations[number], a.Size()
		}
	}
	number, bits := l.networks.location(a)
	if number == 0 {
		return nil, 0
	}
	return l.networkLocations[number], int(bits)
}

// scope returns the length of the shortest prefix around a in which all addresses have the location
// of a: one bit more than a shares with the nearest address that has another. With sameLength, all
// also have their location from networks of the same length as a. If it takes more than maxSteps to
// find the shortest, it returns a longer prefix for which the same is true.
func (l *layers[K]) scope(a K, sameLength bool) int {
	location, bits := l.find(a)
	differs := func(x K) bool {
		other, n := l.find(x)
		return !same(location, other) || sameLength && n != bits
	}
	length := 0
	var first K
	for x, step := a, 0; ; step++ {
		from := l.runBegin(x)
		if from == first {
			break
		}
		x = from.Prev()
		if step == maxSteps || differs(x) {
			length = a.CommonBits(x) + 1
			break
		}
	}
	for x, step := a, 0; ; step++ {
		after, found := l.runAfter(x)
		if !found {
			break
		}
		x = after
		if step == maxSteps || differs(x) {
			length = max(length, a.CommonBits(x)+1)
			break
		}
	}
	return length
}

// runBegin returns the first of the addresses up to a that have their location from the same host or
// span as a has.
func (l *layers[K]) runBegin(a K) K {
	start, _, _ := l.networks.around(a)
	in, at := l.hosts.seek(a)
	if in < 0 {
		return start
	}
	host := l.hosts.chunks[in].addrs[at]
	if host == a {
		return a
	}
	if next, _ := host.Next(); start.Less(next) {
		return next
	}
	return start
}

// runAfter returns the first address after a that has its location from another host or span than a
// has; false if there is none.
func (l *layers[K]) runAfter(a K) (after K, found bool) {
	if l.hosts.find(a) != 0 {
		return a.Next()
	}
	_, after, found = l.networks.around(a)
	if host, any := l.hosts.after(a); any && (!found || host.Less(after)) {
		return host, true
	}
	return after, found
}

// same reports whether a and b are the same location, or both are not known.
func same(a, b *Location) bool { return a == b || a != nil && b != nil && a.path == b.path }
