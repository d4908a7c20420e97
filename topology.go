package ordering

import (
	"errors"
	"io/fs"

	"github.com/coredns-ordering/ordering/plugin/topology"
	"github.com/coredns-ordering/ordering/plugin/topology/kubernetes"
)

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
	form := &t.file
	if args[0] == "kubernetes" {
		form = &t.cluster
	} else if _, err := l.args(1, 1, "FILE"); err != nil {
		return err
	}
	if first := *form; first != nil {
		return l.twice(first)
	}
	*form = l
	if form == &t.cluster {
		args = append(args, "", "")
		t.options.Kubeconfig, t.options.Context = args[1], args[2]
		return nil // pods can still follow
	}
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
