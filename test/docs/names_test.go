package docs

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering"

	"github.com/coredns/coredns/plugin/metadata"
	"github.com/coredns/coredns/request"

	"github.com/prometheus/client_golang/prometheus"
)

// metric matches the name and the labels of a metric in the reference.
var metric = regexp.MustCompile("(?m)^\\* `(coredns_ordering_\\w+)\\{([^}]*)\\}`")

func TestReferenceListsTheExportedMetrics(t *testing.T) {
	described := map[string]string{}
	for _, m := range metric.FindAllStringSubmatch(section(t, reference, "Metrics"), -1) {
		labels := strings.Split(m[2], ", ")
		slices.Sort(labels)
		described[m[1]] = strings.Join(labels, ", ")
	}

	server, err := start(t, "example.org {\nordering {\ntopology topology.txt\necs 192.0.2.53\n}\nfile db.example.org\n}\n")
	if err != nil {
		t.Fatal(err)
	}
	dig(t, server, strings.Fields("dig www.example.org"))
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	exported := map[string]string{}
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "coredns_ordering_") {
			var labels []string
			for _, l := range f.GetMetric()[0].GetLabel() {
				labels = append(labels, l.GetName())
			}
			exported[f.GetName()] = strings.Join(labels, ", ") // the library returns labels sorted
		}
	}
	if !maps.Equal(described, exported) {
		t.Errorf("%s lists the metrics\n%v, the server exports\n%v", reference, described, exported)
	}
}

func TestReferenceListsThePublishedMetadata(t *testing.T) {
	var described []string
	for line := range strings.Lines(section(t, reference, "Metadata")) {
		if rest, item := strings.CutPrefix(line, "* `"); item {
			label, _, _ := strings.Cut(rest, "`")
			described = append(described, label)
		}
	}
	ctx := metadata.ContextWithMetadata(context.Background())
	published := metadata.Labels(new(ordering.Ordering).Metadata(ctx, request.Request{}))
	slices.Sort(described)
	slices.Sort(published)
	if !slices.Equal(described, published) {
		t.Errorf("%s lists the metadata\n%v, the plugin publishes\n%v", reference, described, published)
	}
}
