package explain

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/coredns-ordering/ordering/internal/quote"
)

// lines returns r as text.
func lines(r *report) []string {
	lines := clientLines(r)
	if len(r.Others) > 0 {
		lines = append(lines, "server  "+r.Server)
	}
	switch {
	case r.Rule != nil:
		lines = append(lines, fmt.Sprintf("rule    %s  ordering, zone %s", r.Rule.Position, r.Rule.Zone))
	case r.Answer.Rcode == "NOERROR":
		lines = append(lines, "rule    NONE")
	}
	lines = append(lines, "answer  "+answerText(&r.Answer))
	for i := range r.Sets {
		s := &r.Sets[i]
		if len(r.Sets) > 1 || s.Additional || s.Type != r.Answer.Type {
			lines = append(lines, title(s))
		}
		lines = append(lines, table(s)...)
	}
	if len(r.Served) > 0 {
		lines = append(lines, "served  "+strings.Join(r.Served, ", "), "        as a plugin above ordering changed it")
	}
	if r.Topology != "" {
		lines = append(lines, "topology: "+r.Topology)
	}
	for _, hint := range r.Hints {
		lines = append(lines, "hint    "+hint)
	}
	if len(r.Others) > 0 {
		others := strings.Join(r.Others, ", ")
		lines = append(lines, fmt.Sprintf("hint    the name is served at %s, too: choose with -server", others))
	}
	return lines
}

// clientLines says who the client is taken for and why.
func clientLines(r *report) []string {
	c := &r.Client
	lines := []string{"client  " + c.Address}
	note := func(format string, args ...any) { lines = append(lines, "        "+fmt.Sprintf(format, args...)) }
	switch {
	case c.LocationOf != "":
		lines[0] += fmt.Sprintf(" at %s, where %s is (%s)", c.Location, c.LocationOf, c.Evidence)
	case c.Location != "" && c.Evidence != "":
		lines[0] += fmt.Sprintf(" at %s (%s)", c.Location, c.Evidence)
	case c.Location != "":
		lines[0] += " at " + c.Location
	case c.Evidence != "":
		lines[0] += "  NO LOCATION: " + c.Evidence
	case c.Asked:
		lines[0] += "  NO LOCATION"
	}
	if c.Proxy != "" {
		note("in the PROXY protocol header of %s, which proxyproto accepts", c.Proxy)
	}
	switch {
	case c.Subnet == "" || r.Rule == nil:
	case c.Trusted && c.Address == c.Source:
		note("Client Subnet %s of %s: it does not tell the client", c.Subnet, c.Source)
	case c.Trusted:
		note("Client Subnet %s of %s, which is in ecs (%s)", c.Subnet, c.Source, c.TrustedIn)
	case c.TrustedIn != "":
		note("Client Subnet %s IGNORED: %s is not in ecs (%s)", c.Subnet, c.Source, c.TrustedIn)
	default:
		note("Client Subnet %s IGNORED: %s has no ecs", c.Subnet, r.Rule.Position)
	}
	return lines
}

// answerText returns what was answered.
func answerText(a *answer) string {
	text := a.Name + " " + a.Type
	if a.Alias != "" {
		text += ", alias of " + a.Alias
	}
	switch {
	case a.Rcode != "NOERROR":
		text += ", " + a.Rcode
	case a.Referral != "":
		text += ", referral to the servers of " + a.Referral
	case a.Type == "A" || a.Type == "AAAA":
		text += ", " + plural(a.Records, "address", "addresses")
	default:
		text += ", " + plural(a.Records, "record", "records")
	}
	if a.From != "" {
		text += " from " + a.From
	}
	if a.Error != "" {
		text += ": " + a.Error
	}
	return text
}

// title returns what tells s apart from the other RRsets of the response.
func title(s *set) string {
	title := fmt.Sprintf("        %s %s", s.Name, s.Type)
	if s.Additional {
		title += ", additional"
	}
	return title
}

// table returns a line for each record.
func table(s *set) []string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	notes := turnNotes(s)
	place := 0
	for i, r := range s.Records {
		number := "-"
		if !r.Cut {
			place++
			number = fmt.Sprint(place)
		}
		near, evidence := r.label, r.Evidence
		if s.tiers == 1 && len(s.Records) > 1 && (near == "elsewhere" || near == "unknown") {
			near = "equally far"
		}
		detail := r.detail
		if tied(s, r) {
			detail += ", " + r.Ties
		}
		if strings.HasSuffix(detail, "location unknown") && evidence != "" { // which says why
			detail, evidence = detail+": "+evidence, ""
		}
		fmt.Fprintf(w, "%3s\t%s\t%s\t%s\t%s\t%s\n", number, r.Data, near, detail, evidence, notes[i])
	}
	w.Flush()
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return lines
}

// tied reports whether what Ties says of r makes a difference: another record has the same reason and
// is in another tier.
func tied(s *set, r record) bool {
	return r.Ties != "" && slices.ContainsFunc(s.Records, func(other record) bool {
		return other.Reason == r.Reason && other.Tier != r.Tier
	})
}

// sideBySide returns the reports next to each other.
func sideBySide(reports []*report, paint func(string) string) []string {
	const gap = 3
	columns, widths, height := make([][]string, len(reports)), make([]int, len(reports)), 0
	for i, r := range reports {
		columns[i] = lines(r)
		height = max(height, len(columns[i]))
		for j, line := range columns[i] {
			columns[i][j] = quote.Line(line) // names of files can have control characters
			widths[i] = max(widths[i], utf8.RuneCountInString(columns[i][j]))
		}
	}
	lines := make([]string, height)
	for row := range lines {
		pad := 0
		for i, column := range columns {
			if row < len(column) {
				lines[row] += strings.Repeat(" ", pad) + paint(column[row])
				pad = -utf8.RuneCountInString(column[row])
			}
			pad += widths[i] + gap
		}
	}
	return lines
}

// painter returns a function that colours a line for w; if that is no terminal, one that returns it
// as it is.
func painter(w io.Writer) func(string) string {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return func(line string) string { return line }
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return func(line string) string { return line }
	}
	return colour
}

const bold, red, faint, plain = "\x1b[1m", "\x1b[31m", "\x1b[2m", "\x1b[0m"

// colours has the words that get a colour wherever they are, and the labels, which stand in front.
var colours = strings.NewReplacer(
	"NO LOCATION", red+"NO LOCATION"+plain, "IGNORED", red+"IGNORED"+plain, "NONE", red+"NONE"+plain,
	"NOT READ YET", red+"NOT READ YET"+plain,
)

// colour returns a line with colours for a terminal.
func colour(line string) string {
	if strings.HasPrefix(line, "  -") {
		return faint + line + plain
	}
	if label, rest, ok := strings.Cut(line, " "); ok && label != "" {
		return bold + label + plain + " " + colours.Replace(rest)
	}
	return colours.Replace(line)
}
