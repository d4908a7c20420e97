package monitoring

import (
	"slices"
	"strings"
	"testing"
)

func TestDashboardImportsAnywhere(t *testing.T) {
	d := readDashboard(t)
	var names []string
	for _, v := range d.Templating.List {
		names = append(names, v.Name)
	}
	if want := []string{"datasource", "job", "server", "zone", "view"}; !slices.Equal(names, want) {
		t.Errorf("the variables are %v, want %v", names, want)
	}
	chosen := datasource{"prometheus", "${datasource}"}
	for _, v := range d.Templating.List[1:] {
		if v.Datasource != chosen {
			t.Errorf("the variable %s has the data source %v", v.Name, v.Datasource)
		}
		if v.AllValue != ".*" {
			t.Errorf("the variable %s leaves out what does not have the label", v.Name)
		}
	}
	seen := map[int]string{}
	for _, p := range d.Panels {
		if seen[p.ID] != "" {
			t.Errorf("%s and %s have the same id", seen[p.ID], p.Title)
		}
		seen[p.ID] = p.Title
		if p.Datasource != chosen {
			t.Errorf("%s has the data source %v", p.Title, p.Datasource)
		}
		for _, q := range p.Targets {
			if q.Datasource != chosen {
				t.Errorf("%s: query %s has the data source %v", p.Title, q.RefID, q.Datasource)
			}
		}
	}
}

func TestPanelsDoNotOverlap(t *testing.T) {
	taken := map[[2]int]string{}
	for _, p := range readDashboard(t).Panels {
		g := p.GridPos
		if g.X+g.W > 24 {
			t.Errorf("%s is wider than the dashboard", p.Title)
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" {
					t.Fatalf("%s and %s overlap", other, p.Title)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

func TestEveryPanelSaysWhatToDo(t *testing.T) {
	known := anchors(t)
	for _, p := range readDashboard(t).Panels {
		if p.Description == "" {
			t.Errorf("%s has no description", p.Title)
		}
		for _, m := range troubleshooting.FindAllStringSubmatch(p.Description, -1) {
			if !known[m[1]] {
				t.Errorf("%s links to #%s, which is no heading of docs/troubleshooting.md", p.Title, m[1])
			}
		}
	}
}

// The panel with the shares of near stacks them with the nearest at the bottom. Every value of near
// is in exactly one of them, and each has a colour.
func TestSharesAreStackedInTheOrderOfNearness(t *testing.T) {
	i := slices.IndexFunc(readDashboard(t).Panels, func(p panel) bool {
		return p.FieldConfig.Defaults.Custom.Stacking.Mode == "normal"
	})
	if i < 0 {
		t.Fatal("no panel stacks its series")
	}
	p := readDashboard(t).Panels[i]
	var legends, coloured []string
	counted := map[string]int{}
	for _, q := range p.Targets {
		legends = append(legends, q.LegendFormat)
		for near := range nearNames(t) {
			if matchesNear(t, q.Expr, near) {
				counted[near]++
			}
		}
	}
	for _, o := range p.FieldConfig.Overrides {
		coloured = append(coloured, o.Matcher.Options)
	}
	if want := strings.Split("sortlist node zone region shared3+ shared2 shared1 subnet network elsewhere unknown", " "); !slices.Equal(legends, want) {
		t.Errorf("the order is\n%v, want\n%v", legends, want)
	}
	if !slices.Equal(coloured, legends) {
		t.Errorf("%v have colours, want %v", coloured, legends)
	}
	for near := range nearNames(t) {
		if counted[near] != 1 {
			t.Errorf("%s is in %d queries", near, counted[near])
		}
	}
}

// matchesNear reports whether the first selector of query that names near selects this value.
func matchesNear(t *testing.T, query, near string) bool {
	t.Helper()
	_, rest, _ := strings.Cut(query, "{")
	selector, _, _ := strings.Cut(rest, "}")
	matchers, err := promql.ParseMetricSelector("{" + selector + "}")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range matchers {
		if m.Name == "near" {
			return m.Matches(near)
		}
	}
	return false
}
