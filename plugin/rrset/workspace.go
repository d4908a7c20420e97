package rrset

import (
	"sync"

	"github.com/miekg/dns"
)

// A workspace is the memory that ordering one section needs. Workspaces are pooled, which saves
// allocations and keeps stack frames small. Each part owns its memory, and keeps it from use to
// use.
type workspace struct {
	runs      runs
	places    places
	canonical canonicalSort
	cycle     weightedCycle
	draw      weightedDraw
	keys      keys
	sections  sections
}

var pool = sync.Pool{New: func() any { return new(workspace) }}

// borrow returns a workspace for a section of n records and a ranking of so many tiers. The caller
// must release it.
func borrow(n, tiers int) *workspace {
	w := pool.Get().(*workspace)
	w.runs.reset(n)
	w.places.reset(n, tiers)
	return w
}

// release gives w back to the pool. It drops the records of the section first, so that they can be
// garbage collected.
func (w *workspace) release() {
	w.runs.forget()
	pool.Put(w)
}

// sections makes the new slices that are returned in place of sections. Small ones are carved from
// a shared block, each part of it used once, to save allocations.
type sections struct {
	block []dns.RR
	used  int // records of block
}

const (
	blockSize  = 256 // records in a block
	smallLimit = 32  // records that a slice carved from a block has at most
)

// next returns a new slice of n records, all nil.
func (s *sections) next(n int) []dns.RR {
	if n > smallLimit {
		return make([]dns.RR, n)
	}
	if s.used+n > len(s.block) {
		s.block, s.used = make([]dns.RR, blockSize), 0
	}
	first := s.used
	s.used += n
	return s.block[first:s.used:s.used]
}

// resize returns a slice of length n, in the memory of s if that is large enough. Its elements have
// any value.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
