// Package topology knows where addresses are: in which region, zone, rack or node.
//
// In a cloud a network says little about what is near, because a zone has many networks that have
// nothing in common. A Table therefore maps networks to Locations, paths such as region/zone/node.
// Two addresses are as near to each other as the number of leading labels that their locations
// share.
//
// Tables come from a Source, which keeps its table up to date while it runs. A File reads its table
// from a file of lines "NETWORK LOCATION". Package kubernetes, in the directory below, learns its
// table from a Kubernetes cluster. A Builder makes a table of any other data.
package topology

// Source provides a Table and keeps it up to date. Its methods are safe for concurrent use.
//
// Making a Source has no effect outside of it, so that nothing is left of a configuration that is
// rejected. On a reload the Source of the new configuration is started before that of the old one is
// stopped. Both can have the same name.
type Source interface {
	// Table returns the current table. It never blocks and never returns nil. The table is empty as
	// long as nothing is known. To compare several addresses, call Table once: the next call can
	// return another table.
	Table() *Table

	// Start begins to keep the table up to date. It does not wait for the first update. Start does
	// nothing if the Source was started before and not stopped.
	Start() error

	// Stop ends the updates and returns when they have ended. The last table stays. Stop does nothing
	// if the Source is not started.
	Stop() error

	// Synced reports whether the source of the data has been read completely at least once. Before
	// that, an address that the table lacks may get a location.
	Synced() bool

	// Ready reports whether answers can rely on the table: it is synced, or the wait for that took too
	// long.
	Ready() bool

	// Name identifies the source in metrics and messages.
	Name() string
}
