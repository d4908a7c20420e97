package rrset

import (
	"sync"

	"github.com/miekg/dns"
)

// A workspace is the memory that one section is put in order with. Workspaces are pooled, so that
// nothing is allocated for them and no large frame stands on the stack. Each part owns its memory.
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
// releases it.
func borrow(n, tiers int) *workspace {
	w := pool.Get().(*workspace)
	w.runs.reset(n)
	w.places.reset(n, tiers)
	return w
}

// release gives w back, without the records of the section.
func (w *workspace) release() {
	w.runs.forget()
	pool.Put(w)
}

// sections are new slices of records. Small ones are carved from a shared block, each part of it
// used once, to save an allocation.
type sections struct {
	block []dns.RR
	used  int // of block
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

// resize returns s with length n, in new memory when it does not fit. Its elements have no value.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
