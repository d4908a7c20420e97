package explain

import "fmt"

// turnNotes returns what stands behind each record of s: who takes turns with whom, and what a limit
// did. Records that are next to each other and take turns are joined by a brace.
func (s *set) turnNotes() []string {
	notes := make([]string, len(s.Records))
	for first := 0; first < len(s.Records); {
		end := first + 1
		for end < len(s.Records) && s.Records[end].Tier == s.Records[first].Tier && s.Records[end].Cut == s.Records[first].Cut {
			end++
		}
		if s.Records[first].Cut {
			s.noteCut(notes, first, end)
		} else {
			s.noteTier(notes, first, end)
		}
		first = end
	}
	return notes
}

// noteCut writes the notes of records that were cut off.
func (s *set) noteCut(notes []string, first, end int) {
	for i := first; i < end; i++ {
		notes[i] = fmt.Sprintf("cut: answer_limit %d", s.Limit)
		if s.takesTurns(i) && s.keeps(s.Records[i].Tier) {
			notes[i] += ", in this answer"
		}
	}
}

// noteTier writes the notes of records of one tier that were not cut off.
func (s *set) noteTier(notes []string, first, end int) {
	members, equal := 0, true
	for _, r := range s.Records {
		if r.Tier == s.Records[first].Tier {
			members++
			equal = equal && r.Ahead == s.Records[first].Ahead
		}
	}
	for i := first; i < end; i++ {
		switch {
		case members == 1:
		case !equal:
			notes[i] = s.share(i)
		case i == first:
			notes[i] = s.turn(first)
			if end-first == 1 {
				notes[i] += " " + s.often(i)
			}
		case i == first+1:
			notes[i] = s.often(i)
		}
		if end-first > 1 {
			notes[i] = brace(i-first, end-first) + " " + notes[i]
		}
		if s.Records[i].FailOver {
			notes[i] = "kept to fail over"
		}
	}
}

// brace returns the part of a brace over n lines that is in line i.
func brace(i, n int) string {
	switch i {
	case 0:
		return "┐"
	case n - 1:
		return "┘"
	}
	return "│"
}

// takesTurns reports whether record i takes turns with others from answer to answer.
func (s *set) takesTurns(i int) bool { return s.Records[i].Answers > 1 && s.Rotation != "sticky" }

// keeps reports whether a record of a tier was kept that is not there to fail over.
func (s *set) keeps(tier int) bool {
	for _, r := range s.Records {
		if r.Tier == tier && !r.Cut && !r.FailOver {
			return true
		}
	}
	return false
}

// turn says what the records of a tier whose shares are equal, of which i is the first, have in
// common.
func (s *set) turn(i int) string {
	each := "each is ahead"
	if i == 0 {
		each = "each is first"
	}
	switch {
	case s.Records[i].Answers == 0:
		return "always in this order"
	case s.Rotation == "sticky":
		return "the client's own order: " + each
	case s.Rotation == "random":
		return "at random: " + each
	case i == 0:
		return each
	}
	return "take turns: " + each
}

// often says how often record i is ahead of the others in its tier.
func (s *set) often(i int) string {
	r := &s.Records[i]
	switch {
	case r.Answers == 0:
		return "(round_robin off)"
	case s.Rotation == "sticky":
		return fmt.Sprintf("for %s of %d", plural(int(r.Ahead), "client", "clients"), r.Answers)
	}
	return fmt.Sprintf("in %s of %d", plural(int(r.Ahead), "answer", "answers"), r.Answers)
}

// share says how often record i is ahead of the others in its tier, where that is not the same for
// all of them.
func (s *set) share(i int) string {
	r := &s.Records[i]
	switch {
	case r.Ahead == 0:
		return "weight 0: behind the others"
	case r.Ahead == r.Answers:
		return "always ahead of weight 0"
	case r.Tier == s.Records[0].Tier:
		return "first " + s.often(i)
	}
	return "ahead " + s.often(i)
}
