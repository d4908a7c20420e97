package kubernetes

import (
	"net/netip"
	"slices"
)

// endpoints are the EndpointSlices of a cluster. It is not safe for concurrent use.
type endpoints struct {
	slices map[[2]string]*sliceInfo // by namespace and name
	synced bool                     // all slices were read once

	// claims has the endpoints that need an entry of their own.
	claims map[netip.Addr][]claim
	needs  func(endpoint) bool

	// changed is called for an address in claims when its endpoints have changed, seen for a new
	// endpoint.
	changed func(netip.Addr)
	seen    func(endpoint)
}

func newEndpoints(needs func(endpoint) bool, changed func(netip.Addr), seen func(endpoint)) *endpoints {
	return &endpoints{
		slices: map[[2]string]*sliceInfo{}, claims: map[netip.Addr][]claim{},
		needs: needs, changed: changed, seen: seen,
	}
}

func (s *endpoints) set(info *sliceInfo) {
	before := s.slices[info.key()]
	s.slices[info.key()] = info
	if before == nil {
		before = new(sliceInfo)
	}
	if !slices.Equal(before.endpoints, info.endpoints) {
		s.unclaim(before)
		s.claim(info)
	}
}

func (s *endpoints) remove(info *sliceInfo) {
	if before := s.slices[info.key()]; before != nil {
		s.unclaim(before)
		delete(s.slices, info.key())
	}
}

func (s *endpoints) replace(all []*sliceInfo) {
	s.slices = make(map[[2]string]*sliceInfo, len(all))
	for _, info := range all {
		s.slices[info.key()] = info
	}
	s.synced = true
	s.reclaim()
}

// reclaim makes claims again, as when the nodes have changed.
func (s *endpoints) reclaim() {
	for addr := range s.claims {
		s.changed(addr)
	}
	s.claims = map[netip.Addr][]claim{}
	for _, info := range s.slices {
		s.claim(info)
	}
}

func (s *endpoints) claim(info *sliceInfo) {
	for _, e := range info.endpoints {
		s.seen(e)
		if s.needs(e) {
			s.claims[e.addr] = append(s.claims[e.addr], e.claim)
		}
		if len(s.claims[e.addr]) > 0 {
			s.changed(e.addr)
		}
	}
}

func (s *endpoints) unclaim(info *sliceInfo) {
	for _, e := range info.endpoints {
		all := s.claims[e.addr]
		if len(all) == 0 {
			continue
		}
		if i := slices.Index(all, e.claim); i >= 0 {
			all = slices.Delete(all, i, i+1)
		}
		if len(all) > 0 {
			s.claims[e.addr] = all
		} else {
			delete(s.claims, e.addr)
		}
		s.changed(e.addr)
	}
}
