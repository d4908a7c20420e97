package ordering

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/coredns-ordering/ordering/internal/network"
	"github.com/coredns-ordering/ordering/internal/quote"
	"github.com/coredns-ordering/ordering/plugin/ecs"
	"github.com/coredns-ordering/ordering/plugin/ranking"
	"github.com/coredns-ordering/ordering/plugin/rrset"
	"github.com/coredns-ordering/ordering/plugin/topology"
	"github.com/coredns-ordering/ordering/plugin/topology/kubernetes"
)

// A sortlistLine is a line of a sort list.
type sortlistLine struct {
	position  string
	statement ranking.Statement
}

func parseSortlist(b *block, l *line) error {
	args, err := l.args(1, unlimited, "CLIENTS [PREFERENCE...]")
	if err != nil {
		return err
	}
	st := ranking.Statement{Line: l.number}
	if file := l.file(); !strings.HasPrefix(b.position, file+":") {
		st.File = quote.Line(filepath.Base(file)) // imported
	}
	if st.Clients, err = parseNetworks(args[0]); err != nil {
		return l.errorf("%v", err)
	}
	for _, arg := range args[1:] {
		var word ranking.Word
		arg, word.Negated = strings.CutPrefix(arg, "!")
		if word.Networks, err = parseNetworks(arg); err != nil {
			return l.errorf("%v", err)
		}
		st.Preference = append(st.Preference, word)
	}
	if st.Preference == nil {
		st.Preference = []ranking.Word{{Networks: st.Clients}}
	}
	b.sortlist = append(b.sortlist, sortlistLine{l.position, st})
	return nil
}

// parseNetworks parses one word of a sort list.
func parseNetworks(word string) ([]netip.Prefix, error) {
	for part := range strings.SplitSeq(word, ",") {
		if strings.HasPrefix(part, "!") {
			return nil, fmt.Errorf("%s: ! is allowed only at the start of a word of PREFERENCE", quote.Word(part))
		}
	}
	return network.ParseList(word)
}

// A weightLine is the weight of a network.
type weightLine struct {
	position string
	network  netip.Prefix
	weight   uint8
}

func parseWeight(b *block, l *line) error {
	args, err := l.args(2, 2, "NETWORK N")
	if err != nil {
		return err
	}
	n, err := network.Parse(args[0])
	weight, notWeight := strconv.ParseUint(args[1], 10, 8)
	switch {
	case err != nil && swapped(args):
		return l.errorf("the network comes first%s", didYouMean("weight", args[1], args[0]))
	case err != nil:
		return l.errorf("%v", err)
	case notWeight != nil:
		return l.errorf("%s is not a number from 0 to 255", quote.Word(args[1]))
	}
	if b.order.Weights == nil {
		b.order.Weights = new(rrset.Weights)
	}
	if !b.order.Weights.Add(n, uint8(weight)) {
		first := slices.IndexFunc(b.weights, func(w weightLine) bool { return w.network == n })
		return l.errorf("%s is given twice, first at %s: remove one", args[0], b.weights[first].position)
	}
	b.weights = append(b.weights, weightLine{l.position, n, uint8(weight)})
	return nil
}

// swapped reports whether words are a weight and its network.
func swapped(words []string) bool {
	_, err := network.Parse(words[1])
	_, notWeight := strconv.ParseUint(words[0], 10, 8)
	return err == nil && notWeight == nil
}

func parseECS(b *block, l *line) error {
	args, err := l.args(1, unlimited, "one or more addresses or networks to trust")
	if err != nil {
		return err
	}
	b.trusted, b.trustedIn = new(ecs.TrustedResolvers), l.position
	for _, word := range args {
		n, err := network.Parse(word)
		if err != nil {
			return l.errorf("%v%s", err, trustMeant(word))
		}
		b.trusted.Add(n)
	}
	return nil
}

// trustMeant returns what follows the error for a word of ecs that is not a network.
func trustMeant(word string) string {
	switch word = strings.ToLower(word); {
	case switches[word] == "on", word == "on":
		return ": name the resolvers to trust, such as 10.0.0.53"
	case switches[word] == "off", word == "off":
		return ": to trust nobody, remove this line"
	case word == "any", word == "all", word == "*":
		return didYouMean("0.0.0.0/0", "::/0")
	}
	return ""
}

// topologyLines are the topology lines of a block, of which there can be one of each form.
type topologyLines struct {
	file, cluster *line // nil: none
	fromFile      topology.Source
	options       kubernetes.Options
}

func parseTopology(b *block, l *line) error {
	args, err := l.args(1, 3, "FILE, or kubernetes [KUBECONFIG [CONTEXT]]")
	if err != nil {
		return err
	}
	t := &b.topology
	if args[0] == "kubernetes" {
		if t.cluster != nil {
			return l.twice(t.cluster)
		}
		args = append(args, "", "")
		t.cluster, t.options.Kubeconfig, t.options.Context = l, args[1], args[2]
		return nil // source makes the Cluster, because pods can still follow
	}
	if _, err := l.args(1, 1, "FILE"); err != nil {
		return err
	}
	if t.file != nil {
		return l.twice(t.file)
	}
	t.file = l
	t.fromFile, err = topology.NewFile(b.path(args[0]))
	switch {
	case errors.Is(err, fs.ErrNotExist) && (args[0] == "k8s" || nearest(args[0], []string{"kubernetes"}) != ""):
		return l.errorf("%v%s", err, didYouMean("topology", "kubernetes"))
	case err != nil:
		return l.errorf("%v", err)
	}
	return nil
}

func parsePods(b *block, l *line) error {
	i, err := l.choice(switches, "auto", "on", "off")
	b.topology.options.Pods = [...]kubernetes.Pods{kubernetes.PodsAuto, kubernetes.PodsOn, kubernetes.PodsOff}[i]
	return err
}

// source returns the topology of all lines, nil if there are none. pods is the line of the property
// pods, nil if there is none.
func (t *topologyLines) source(pods *line) (topology.Source, error) {
	if t.cluster == nil {
		if pods != nil {
			return nil, pods.errorf("there is no topology kubernetes: add it or remove this line")
		}
		return t.fromFile, nil
	}
	cluster, err := kubernetes.New(t.options)
	switch {
	case err != nil:
		return nil, t.cluster.errorf("%v", err)
	case t.fromFile == nil:
		return cluster, nil
	}
	return topology.Join(cluster, t.fromFile), nil
}
