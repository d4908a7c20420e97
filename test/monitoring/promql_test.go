package monitoring

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// A set has the names of labels, or the values of one.
type set map[string]bool

func setOf(words ...string) set {
	s := set{}
	for _, w := range words {
		s[w] = true
	}
	return s
}

func (s set) String() string { return "{" + strings.Join(slices.Sorted(maps.Keys(s)), ", ") + "}" }

func (s set) without(words []string) set {
	s = maps.Clone(s)
	for _, w := range words {
		delete(s, w)
	}
	return s
}

// catalog has the labels of each metric, and the values of each label of a metric where the server
// publishes all of them.
type catalog struct {
	labels map[string]set
	values map[string]map[string]set // by metric, then label
}

// newCatalog returns the catalog of the metrics that a server publishes. Prometheus adds the labels
// job and instance.
func newCatalog(families map[string]*dto.MetricFamily) catalog {
	c := catalog{map[string]set{}, map[string]map[string]set{}}
	for name, family := range families {
		c.labels[name] = setOf("job", "instance")
		c.values[name] = map[string]set{}
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				c.labels[name][l.GetName()] = true
				if c.values[name][l.GetName()] == nil {
					c.values[name][l.GetName()] = set{}
				}
				c.values[name][l.GetName()][l.GetValue()] = true
			}
		}
	}
	return c
}

var promql = parser.NewParser(parser.Options{})

// resultOf returns the labels that the result of a query has. It returns an error if the query names
// a metric, a label or a value of near, known or result that does not exist, or has an operator whose
// two sides never have the same labels.
func (c catalog) resultOf(query string) (set, error) {
	expr, err := promql.ParseExpr(query)
	if err != nil {
		return nil, err
	}
	return c.labelsOf(expr)
}

func (c catalog) labelsOf(expr parser.Expr) (set, error) {
	switch e := expr.(type) {
	case *parser.NumberLiteral, *parser.StringLiteral:
		return set{}, nil
	case *parser.VectorSelector:
		return c.selector(e)
	case *parser.MatrixSelector:
		return c.labelsOf(e.VectorSelector)
	case *parser.ParenExpr:
		return c.labelsOf(e.Expr)
	case *parser.AggregateExpr:
		return c.aggregation(e)
	case *parser.BinaryExpr:
		return c.operation(e)
	case *parser.Call:
		result := set{}
		for _, arg := range e.Args {
			labels, err := c.labelsOf(arg)
			if err != nil {
				return nil, err
			}
			if arg.Type() != parser.ValueTypeScalar && e.Func.ReturnType == parser.ValueTypeVector {
				maps.Copy(result, labels)
			}
		}
		return result, nil
	}
	return nil, fmt.Errorf("%s: this test does not know a %T", expr, expr)
}

func (c catalog) selector(e *parser.VectorSelector) (set, error) {
	names, published := c.labels[e.Name]
	if !published {
		return nil, fmt.Errorf("no metric %s", e.Name)
	}
	for _, m := range e.LabelMatchers {
		if m.Name == model.MetricNameLabel {
			continue
		}
		if !names[m.Name] {
			return nil, fmt.Errorf("%s has no label %s, only %v", e.Name, m.Name, names)
		}
		if m.Name == "near" || m.Name == "known" || m.Name == "result" {
			if err := c.values[e.Name][m.Name].match(m); err != nil {
				return nil, fmt.Errorf("%s: %w", e.Name, err)
			}
		}
	}
	return names, nil
}

// match returns an error if an alternative of m matches none of the values in s.
func (s set) match(m *labels.Matcher) error {
	for alternative := range strings.SplitSeq(m.Value, "|") {
		one, err := labels.NewMatcher(labels.MatchRegexp, m.Name, alternative)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(slices.Collect(maps.Keys(s)), one.Matches) {
			return fmt.Errorf("%s is never %s, only one of %v", m.Name, alternative, s)
		}
	}
	return nil
}

func (c catalog) aggregation(e *parser.AggregateExpr) (set, error) {
	inner, err := c.labelsOf(e.Expr)
	if err != nil {
		return nil, err
	}
	for _, label := range e.Grouping {
		if !inner[label] {
			return nil, fmt.Errorf("%s groups by %s, but there is only %v", e.Op, label, inner)
		}
	}
	if e.Without {
		return inner.without(e.Grouping), nil
	}
	return setOf(e.Grouping...), nil
}

func (c catalog) operation(e *parser.BinaryExpr) (set, error) {
	left, err := c.labelsOf(e.LHS)
	if err != nil {
		return nil, err
	}
	right, err := c.labelsOf(e.RHS)
	if err != nil {
		return nil, err
	}
	switch {
	case e.LHS.Type() == parser.ValueTypeScalar:
		return right, nil
	case e.RHS.Type() == parser.ValueTypeScalar:
		return left, nil
	}
	match := e.VectorMatching
	compared := func(s set) set {
		others := s.without(match.MatchingLabels)
		if match.On {
			return s.without(slices.Collect(maps.Keys(others)))
		}
		return others
	}
	if l, r := compared(left), compared(right); !maps.Equal(l, r) {
		return nil, fmt.Errorf("%s compares %v with %v", e.Op, l, r)
	}
	return left, nil
}

func TestQueriesThatCannotWorkAreFound(t *testing.T) {
	c := newCatalog(nil)
	c.labels["m"] = setOf("job", "zone", "near")
	c.labels["n"] = setOf("job")
	c.values["m"] = map[string]set{"near": setOf("zone", "shared1", "shared2")}
	for query, want := range map[string]string{
		`sum(`:                                  "unclosed left parenthesis",
		`rate(o[5m])`:                           "no metric o",
		`m{tier="0"}`:                           "m has no label tier, only {job, near, zone}",
		`m{near="here"}`:                        "m: near is never here, only one of {shared1, shared2, zone}",
		`m{near=~"zone|shared[3-8]"}`:           "m: near is never shared[3-8], only one of {shared1, shared2, zone}",
		`m{near!~"zone|region"}`:                "m: near is never region, only one of {shared1, shared2, zone}",
		`sum by (view) (m)`:                     "sum groups by view, but there is only {job, near, zone}",
		`sum without (view) (m)`:                "sum groups by view, but there is only {job, near, zone}",
		`m / n`:                                 "/ compares {job, near, zone} with {job}",
		`m and ignoring (near) n`:               "and compares {job, zone} with {job}",
		`sum by (job) (m) / sum by (zone) (m)`:  "/ compares {job} with {zone}",
		`1 + sum by (job) (sum by (zone) (m))`:  "sum groups by job, but there is only {zone}",
		`sum(m) unless on (job) m{zone="east"}`: "unless compares {} with {job}",
	} {
		if _, err := c.resultOf(query); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot  %v\nwant %s", query, err, want)
		}
	}
	for query, want := range map[string]string{
		`time() - n`: "{job}",
		`sum by (near, job) (rate(m{near=~"zone|shared[12]"}[5m]))`:     "{job, near}",
		`m / ignoring (near, zone) group_left () n > 5`:                 "{job, near, zone}",
		`m offset 1d unless on (job) sum by (job) (m)`:                  "{job, near, zone}",
		`sum without (near) (m)`:                                        "{job, zone}",
		`sum(m) / scalar(sum by (job) (n))`:                             "{}",
		`sum by (job) (m) / sum without (near, zone) (increase(m[1h]))`: "{job}",
	} {
		if got, err := c.resultOf(query); err != nil || got.String() != want {
			t.Errorf("%s\ngot  %v %v\nwant %s", query, got, err, want)
		}
	}
}
