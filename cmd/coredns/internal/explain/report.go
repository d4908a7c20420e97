package explain

import (
	"fmt"
	"slices"
)

// A report is what explain says about one client. It is written as JSON as it is.
type report struct {
	Client   client   `json:"client"`
	Server   string   `json:"server"`           // "dns://:53"
	Others   []string `json:"others,omitempty"` // servers that have a zone which holds the name, too
	Rule     *rule    `json:"rule,omitempty"`   // none: no directive put the response in order
	Answer   answer   `json:"answer"`
	Sets     []set    `json:"rrsets,omitempty"`
	Served   []string `json:"served,omitempty"` // the addresses that the client gets, where plugins above changed them
	Topology string   `json:"topology,omitempty"`
	Hints    []string `json:"hints,omitempty"`
	Ordered  bool     `json:"ordered"` // the directive put some address ahead of another
}

// hint adds a hint.
func (r *report) hint(format string, args ...any) {
	r.Hints = append(r.Hints, fmt.Sprintf(format, args...))
}

// A client is whom the response is for.
type client struct {
	Address    string `json:"address"`
	Source     string `json:"source"`           // of the packet
	Proxy      string `json:"proxy,omitempty"`  // that sent Source in a PROXY protocol header
	Subnet     string `json:"ecs,omitempty"`    // the Client Subnet option
	Trusted    bool   `json:"ecs_used"`         // the option was believed
	TrustedIn  string `json:"ecs_at,omitempty"` // the property that lists the trusted resolvers
	Asked      bool   `json:"topology_asked"`
	Location   string `json:"location,omitempty"`
	LocationOf string `json:"location_of,omitempty"` // the resolver whose location counts for the client's
	Evidence   string `json:"evidence,omitempty"`    // what says where the client is, or that it is not known
}

// A rule is the directive that decided.
type rule struct {
	Position string `json:"position"`
	Zone     string `json:"zone"`
}

// An answer is what the plugins below ordering answered.
type answer struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Rcode   string `json:"rcode"`
	From    string `json:"from,omitempty"` // the plugin that answered
	Alias   string `json:"alias_of,omitempty"`
	Error   string `json:"error,omitempty"`
	Records int    `json:"records"` // of the type

	Referral string `json:"referral_to,omitempty"` // the zone to whose servers the response refers
}

// A set is an RRset in its order.
type set struct {
	Name       string   `json:"name"`
	Type       string   `json:"type"`
	Additional bool     `json:"additional,omitempty"`
	Rotation   string   `json:"round_robin"`
	Varies     bool     `json:"varies,omitempty"` // turns start from the order received, which may vary
	Limit      int      `json:"answer_limit,omitempty"`
	Records    []record `json:"records"`
	tiers      int
}

// weighted reports whether weights put a record of s ahead of another one of its tier.
func (s *set) weighted() bool {
	ahead := map[int]uint64{}
	for _, r := range s.Records {
		if other, ok := ahead[r.Tier]; r.Behind || ok && other != r.Ahead {
			return true
		}
		ahead[r.Tier] = r.Ahead
	}
	return false
}

// takesTurns reports whether the order in some tier of s changes, from answer to answer or from client
// to client.
func (s *set) takesTurns() bool {
	return slices.ContainsFunc(s.Records, func(r record) bool { return r.Answers > 1 })
}

// A record is one record of a set.
type record struct {
	Data     string `json:"data"` // its address, or else its RDATA
	Near     string `json:"near,omitempty"`
	Reason   string `json:"reason,omitempty"`
	Ties     string `json:"ties,omitempty"` // what decides between records with the same reason
	Network  string `json:"network,omitempty"`
	Location string `json:"location,omitempty"`
	Evidence string `json:"evidence,omitempty"`
	File     string `json:"sortlist_file,omitempty"` // that Line is in, if not that of the rule
	Line     int    `json:"sortlist_line,omitempty"`
	Word     int    `json:"sortlist_word,omitempty"`
	Negated  bool   `json:"negated,omitempty"`
	Tier     int    `json:"tier"`             // records of one tier are equally near; 0 is the nearest that occurs
	Ahead    uint64 `json:"ahead"`            // of the others in its tier, in so many answers …
	Answers  uint64 `json:"of"`               // … of so many; 0 of 0: there are no turns
	Behind   bool   `json:"behind,omitempty"` // others of its tier, as it has weight 0
	Cut      bool   `json:"cut,omitempty"`
	FailOver bool   `json:"kept_to_fail_over,omitempty"`
	label    string // Near, for people
	detail   string // the rest of Reason
}
