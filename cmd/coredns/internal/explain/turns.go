package explain

import "fmt"

// turnNotes returns what stands behind each record of s: who takes turns with whom, and what a limit
// did. Records that are next to each other and take turns are joined by a brace.
func turnNotes(s *set) []string {
	n := &noter{set: s, notes: make([]string, len(s.Records))}
	for first := 0; first < len(s.Records); {
		r, end := &s.Records[first], first+1
		for end < len(s.Records) && s.Records[end].Tier == r.Tier && s.Records[end].Cut == r.Cut {
			end++
		}
		if r.Cut {
			n.noteCut(first, end)
		} else {
			n.noteTier(first, end)
		}
		first = end
	}
	return n.notes
}

// A noter writes the notes of an RRset.
type noter struct {
	*set
	notes []string
}

// noteCut writes the notes of records that were cut off.
func (n *noter) noteCut(first, end int) {
	for i := first; i < end; i++ {
		n.notes[i] = fmt.Sprintf("cut: answer_limit %d", n.Limit)
		if n.alternates(i) {
			n.notes[i] += ", in this answer"
		}
	}
}

// noteTier writes the notes of records of one tier that were not cut off.
func (n *noter) noteTier(first, end int) {
	members, equal := 0, true
	for _, r := range n.Records {
		if r.Tier == n.Records[first].Tier {
			members++
			equal = equal && r.Ahead == n.Records[first].Ahead && r.Behind == n.Records[first].Behind
		}
	}
	for i := first; i < end; i++ {
		switch {
		case members == 1, end-first == 1 && n.Rotation == "off":
		case !equal, end-first == 1:
			n.notes[i] = n.share(i)
		case i == first:
			n.notes[i] = n.turn(first)
		case i == first+1:
			n.notes[i] = n.often(i)
		}
		if end-first > 1 {
			n.notes[i] = brace(i-first, end-first) + " " + n.notes[i]
		}
		if r := &n.Records[i]; r.FailOver {
			n.notes[i] = "kept to fail over"
			if r.Ahead < r.Answers {
				n.notes[i] += ", " + n.often(i)
			}
		}
	}
}

// brace returns the part of a brace over so many lines that is in line i.
func brace(i, lines int) string {
	switch i {
	case 0:
		return "┐"
	case lines - 1:
		return "┘"
	}
	return "│"
}

// alternates reports whether record i, which was cut off, is in other answers. A record of weight 0 is
// in one if the others of its tier leave room for it.
func (n *noter) alternates(i int) bool {
	r := &n.Records[i]
	if r.Answers == 0 || n.Rotation == "sticky" {
		return false
	}
	kept, weighted := 0, 0
	for _, other := range n.Records {
		if other.Tier != r.Tier {
			continue
		}
		if !other.Cut {
			kept++
		}
		if !other.Behind {
			weighted++
		}
	}
	if r.Behind {
		return kept > weighted
	}
	return kept > 0
}

// turn says what the records of a tier whose shares are equal, of which i is the first, have in
// common.
func (n *noter) turn(i int) string {
	each := "each is ahead"
	if i == 0 {
		each = "each is first"
	}
	switch {
	case n.Records[i].Answers == 0 && n.Rotation == "off" && n.Varies:
		return "in the order received"
	case n.Records[i].Answers == 0:
		return "always in this order"
	case n.Rotation == "sticky":
		return "the client's own order: " + each
	case n.Rotation == "random":
		return "at random: " + each
	case i == 0:
		return each
	}
	return "take turns: " + each
}

// often says how often record i is ahead of the others in its tier.
func (n *noter) often(i int) string {
	r := &n.Records[i]
	switch {
	case r.Answers == 0:
		return fmt.Sprintf("(round_robin %s)", n.Rotation)
	case n.Rotation == "sticky":
		return fmt.Sprintf("for %s of %d", plural(int(r.Ahead), "client", "clients"), r.Answers)
	}
	return fmt.Sprintf("in %s of %d", plural(int(r.Ahead), "answer", "answers"), r.Answers)
}

// share says how often record i is ahead of the others in its tier, without them.
func (n *noter) share(i int) string {
	r := &n.Records[i]
	switch {
	case r.Behind:
		return "weight 0: behind the others"
	case r.Answers == 0:
		return n.turn(i) + " " + n.often(i)
	case r.Ahead == r.Answers:
		return "always ahead of weight 0"
	case r.Tier == n.Records[0].Tier:
		return "first " + n.often(i)
	}
	return "ahead " + n.often(i)
}
