package topology

import "net/netip"

// Leveled is a Source whose labels have names. The labels of other sources are only counted.
type Leveled interface {
	Source

	// Levels returns the names of the labels, from wide to narrow: "region", "zone", "node".
	Levels() []string
}

// Explainer is a Source that can say what its table is made of. It is for people who want to know
// why, so it may take long and read files.
type Explainer interface {
	Source

	// Explain returns what says that addr is where Table has it, such as "podCIDR 10.244.1.0/24" or
	// "places.txt:12"; or if the table does not have it, what does not, such as "not in places.txt".
	Explain(addr netip.Addr) string

	// Describe returns what the table was made of and when: "6 nodes, 18 networks, read from the API
	// just now".
	Describe() string
}
