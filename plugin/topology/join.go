package topology

import (
	"errors"
	"net/netip"
	"strings"
	"sync/atomic"
)

// Join returns a Source whose table is that of first together with that of second. The longest prefix
// of the two decides, and that of first if both are of one length. The Source starts and stops both,
// and is ready when both are.
func Join(first, second Source) Source { return &join{first: first, second: second} }

type join struct {
	first, second Source
	last          atomic.Pointer[joinedTable]
}

// joinedTable is a table with the two that it was made of.
type joinedTable struct{ first, second, table *Table }

// Table returns the joined table, which it makes when one of the two has changed.
func (j *join) Table() *Table {
	first, second := j.first.Table(), j.second.Table()
	if last := j.last.Load(); last != nil && last.first == first && last.second == second {
		return last.table
	}
	now := &joinedTable{first, second, first.joined(second)}
	j.last.Store(now)
	return now.table
}

// Start starts both. After an error none of them is started.
func (j *join) Start() error {
	if err := j.first.Start(); err != nil {
		return err
	}
	if err := j.second.Start(); err != nil {
		return errors.Join(err, j.first.Stop())
	}
	return nil
}

// Stop stops both.
func (j *join) Stop() error { return errors.Join(j.first.Stop(), j.second.Stop()) }

// Ready reports whether both are ready.
func (j *join) Ready() bool { return j.first.Ready() && j.second.Ready() }

// Synced reports whether both are synced.
func (j *join) Synced() bool { return j.first.Synced() && j.second.Synced() }

// Name returns the names of both.
func (j *join) Name() string { return j.first.Name() + " and " + j.second.Name() }

// Levels returns the names that first gives its labels; nil if it gives none.
func (j *join) Levels() []string {
	if named, ok := j.first.(Leveled); ok {
		return named.Levels()
	}
	return nil
}

// Explain returns the explanation of the source that decides about addr; of both if neither knows
// it.
func (j *join) Explain(addr netip.Addr) string {
	addr = addr.Unmap()
	location, length := j.first.Table().find(addr)
	_, other := j.second.Table().find(addr)
	switch {
	case j.Table().Find(addr) == nil:
		return strings.Trim(Explain(j.first, addr)+", "+Explain(j.second, addr), ", ")
	case location == nil || other > length:
		return Explain(j.second, addr)
	}
	return Explain(j.first, addr)
}

// Mend returns the advice of second. If first is a cluster, second is a file, which can get a line
// more.
func (j *join) Mend(addr netip.Addr) string {
	if e, ok := j.second.(Explainer); ok {
		return e.Mend(addr)
	}
	return ""
}

// Describe returns what both are made of.
func (j *join) Describe() string { return Describe(j.first) + "; " + Describe(j.second) }
