package monitoring

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// root is the root directory of the repository.
const root = "../.."

// A dashboard is the part of a Grafana dashboard that the tests look at.
type dashboard struct {
	UID        string
	Templating struct {
		List []variable
	}
	Panels []panel
}

type variable struct {
	Name, Type string
	Datasource datasource
	Query      any // a string for a data source, and an object otherwise
	AllValue   string
}

type panel struct {
	ID                       int
	Type, Title, Description string
	Datasource               datasource
	GridPos                  struct{ X, Y, W, H int }
	Targets                  []target
	FieldConfig              struct {
		Defaults struct {
			Unit       string
			Max        float64
			Thresholds struct{ Steps []threshold }
			Custom     struct{ Stacking struct{ Mode string } }
		}
		Overrides []override
	}
	Options struct {
		Legend struct{ Placement string }
	}
}

// A threshold is a colour from a value on; the first one has none.
type threshold struct {
	Color string
	Value *float64
}

// An override has the colour of the series with one name, in a panel with curves.
type override struct {
	Matcher    struct{ Options string }
	Properties []struct{ Value any }
}

type datasource struct{ Type, UID string }

type target struct {
	RefID, Expr, LegendFormat string
	Datasource                datasource
}

// readDashboard returns deploy/grafana/ordering.json.
func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	if err := json.Unmarshal(read(t, "deploy/grafana/ordering.json"), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// A rule is an alert or a recording rule.
type rule struct {
	Alert, Record       string
	Expr, For           string
	Labels, Annotations map[string]string
}

// readRules returns the rules in deploy/prometheus/rules.yaml.
func readRules(t *testing.T) (rules []rule) {
	t.Helper()
	var file struct {
		Groups []struct{ Rules []rule }
	}
	if err := yaml.Unmarshal(read(t, "deploy/prometheus/rules.yaml"), &file); err != nil {
		t.Fatal(err)
	}
	for _, group := range file.Groups {
		rules = append(rules, group.Rules...)
	}
	if len(rules) == 0 {
		t.Fatal("no rules, so this test proves nothing")
	}
	return rules
}

// read returns the content of a file. The path is relative to root.
func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// troubleshooting matches a link into docs/troubleshooting.md and captures the anchor.
var troubleshooting = regexp.MustCompile(
	`https://github\.com/coredns-ordering/ordering/blob/main/docs/troubleshooting\.md(?:#([\w-]+))?`)

var punctuation = regexp.MustCompile(`[^\w -]`)

// anchors returns the anchors of the headings in docs/troubleshooting.md, as GitHub makes them.
func anchors(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{"": true}
	for line := range strings.Lines(string(read(t, "docs/troubleshooting.md"))) {
		if heading, found := strings.CutPrefix(line, "## "); found {
			text := punctuation.ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), "")
			all[strings.ReplaceAll(text, " ", "-")] = true
		}
	}
	return all
}
