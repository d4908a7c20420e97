package ranking

import (
	"fmt"
	"net"
	"testing"
)

func TestParseMaskInEveryNotation(t *testing.T) {
	for n := range 33 {
		dotted := net.IP(net.CIDRMask(n, 32)).String()
		dword := fmt.Sprintf("0x%08x", uint64(1)<<(32-n)-1)
		for _, word := range []string{fmt.Sprint(n), fmt.Sprint("/", n), dotted, dword} {
			want := n
			if word == "0xffffffff" {
				want = ClassfulMask
			}
			if got, err := ParseMask(word); err != nil || got != want {
				t.Errorf("ParseMask(%q) = %d, %v; want %d", word, got, err, want)
			}
		}
	}
}

// TestParseMaskRefusesHoles asks for every mask of 16 bits, with the rest of the address set or not.
func TestParseMaskRefusesHoles(t *testing.T) {
	accepted := map[string]int{}
	for bits := range 1 << 16 {
		for _, word := range []string{
			fmt.Sprintf("%d.%d.0.0", bits>>8, bits&0xff), fmt.Sprintf("255.255.%d.%d", bits>>8, bits&0xff),
			fmt.Sprintf("0x%04x", bits), fmt.Sprintf("0x%04xffff", bits),
		} {
			if n, err := ParseMask(word); err == nil {
				accepted[word] = n
			}
		}
	}
	if got, want := len(accepted), 33+17+17; got != want { // 33 lengths dotted, 17 DWORDs of each kind
		t.Errorf("%d words are masks, want %d: %v", got, want, accepted)
	}
}

func FuzzMask(f *testing.F) {
	for _, word := range []string{"255.255.248.0", "/21", "21", "0x7ff", "0xffffffff", "255.0.255.0", "::", "0x", "", "/", "255.255.255.0.0"} {
		f.Add(word)
	}
	f.Fuzz(func(t *testing.T, word string) {
		n, err := ParseMask(word)
		if err == nil && (n < ClassfulMask || n > 32) {
			t.Errorf("ParseMask(%q) = %d", word, n)
		}
	})
}
