package monitoring

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// published returns the catalog of a running server. The values of near are those of the plugin,
// because no server has all of them.
func published(t *testing.T) catalog {
	t.Helper()
	s := startServer(t, files)
	s.askAll(t)
	c := newCatalog(s.families(t))
	const responses = "coredns_ordering_responses_total"
	if c.values[responses] == nil {
		t.Fatalf("the server has no metric %s", responses)
	}
	c.values[responses]["near"] = nearNames(t)
	return c
}

// nearNames returns the values in the variable nearNames of the package ranking.
func nearNames(t *testing.T) set {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, "plugin/ranking/near.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := set{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || spec.Names[0].Name != "nearNames" {
			return true
		}
		for _, e := range spec.Values[0].(*ast.CompositeLit).Elts {
			name, err := strconv.Unquote(e.(*ast.KeyValueExpr).Value.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			names[name] = true
		}
		return false
	})
	if len(names) == 0 {
		t.Fatal("near.go has no map nearNames, so this test proves nothing")
	}
	return names
}

// label matches the name of a label in a template of Prometheus.
var label = regexp.MustCompile(`\$labels\.(\w+)`)

func TestRulesUseWhatTheServerPublishes(t *testing.T) {
	c := published(t)
	for _, r := range readRules(t) {
		t.Run(r.Alert+r.Record, func(t *testing.T) {
			result, err := c.resultOf(r.Expr)
			if err != nil {
				t.Fatal(err)
			}
			for name := range r.Labels {
				result = result.without(nil)
				result[name] = true
			}
			for _, text := range r.Annotations {
				for _, m := range label.FindAllStringSubmatch(text, -1) {
					if !result[m[1]] {
						t.Errorf("an annotation has the label %s, the alert has only %v", m[1], result)
					}
				}
			}
			if r.Record != "" {
				c.labels[r.Record] = result
			}
		})
	}
}

var (
	// legend matches the name of a label in the legend of a panel.
	legend = regexp.MustCompile(`\{\{(\w+)\}\}`)
	// labelValues matches the query of a variable.
	labelValues = regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)
	// reference matches the name of a variable.
	reference = regexp.MustCompile(`\$\{?(\w+)`)
)

func TestDashboardUsesWhatTheServerPublishes(t *testing.T) {
	c, d := published(t), readDashboard(t)
	for _, p := range d.Panels {
		t.Run(p.Title, func(t *testing.T) {
			for _, q := range p.Targets {
				result, err := c.resultOf(d.substitute(t, q.Expr))
				if err != nil {
					t.Errorf("%s: %v", q.RefID, err)
				}
				for _, m := range legend.FindAllStringSubmatch(q.LegendFormat, -1) {
					if err == nil && !result[m[1]] {
						t.Errorf("%s: the legend has the label %s, the result only %v", q.RefID, m[1], result)
					}
				}
			}
		})
	}
	for _, v := range d.Templating.List {
		if v.Type != "query" {
			continue
		}
		m := labelValues.FindStringSubmatch(v.Query.(map[string]any)["query"].(string))
		if m == nil {
			t.Errorf("the query of the variable %s is no label_values", v.Name)
			continue
		}
		if result, err := c.resultOf(d.substitute(t, m[1])); err != nil || !result[m[2]] {
			t.Errorf("the variable %s asks for values of %s, but the labels are %v, %v", v.Name, m[2], result, err)
		}
	}
}

// substitute replaces the variables in a query as Grafana does when all values are chosen.
func (d dashboard) substitute(t *testing.T, query string) string {
	t.Helper()
	values := map[string]string{"__rate_interval": "10s", "__range": "10s"}
	for _, v := range d.Templating.List {
		values[v.Name] = v.AllValue
	}
	return reference.ReplaceAllStringFunc(query, func(name string) string {
		name = strings.TrimPrefix(name, "$")
		value, declared := values[name]
		if !declared {
			t.Errorf("no variable %s, only %v", name, slices.Sorted(maps.Keys(values)))
		}
		return value
	})
}
