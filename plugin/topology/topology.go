// Package topology knows where an address is: in which region, zone, rack or node. Networks say little about nearness in a
// cloud, where one zone has many disjoint networks; a Table maps networks to locations, and two addresses are as near as the
// number of leading labels that their locations share.
//
// A Table is immutable. Where it comes from is a Source: a File that is watched and read again when it changes, or a Cluster
// whose Kubernetes nodes and endpoints are watched. A Source hands out its present Table with one atomic load.
package topology

// Source is where a Table comes from and stays up to date.
//
// A Source is made without side effects, so that a configuration that is tried and given up leaves nothing behind. Start and
// Stop bracket its life; both may be called on a reload while another Source of the same name is alive.
type Source interface {
	// Table returns the table as it is now. It never blocks and never returns nil; before there is anything to know the
	// table is empty. Whoever ranks several addresses against each other takes the table once.
	Table() *Table

	// Start begins to follow the changes, in the background. It does not wait for the first of them.
	Start() error

	// Stop ends what Start began and returns when it has ended. The last table stays. Stop without Start does nothing.
	Stop() error

	// Ready reports whether the source has been read completely once.
	Ready() bool

	// Name tells the source apart in metrics and messages: the path of a file, or "kubernetes".
	Name() string
}
