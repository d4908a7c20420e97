package ranking

import (
	"fmt"
	"net"
	"testing"
)

func TestParseMaskInEveryNotation(t *testing.T) {
	for n := range 33 {
		dotted := net.IP(net.CIDRMask(n, 32)).String()
		host := uint64(1)<<(32-n) - 1
		for _, word := range []string{fmt.Sprint("/", n), dotted, fmt.Sprintf("0x%08x", host), fmt.Sprintf("0X%X", host)} {
			want := n
			if host == 0xffffffff && word != "/0" && word != "0.0.0.0" {
				want = ClassfulMask
			}
			if got, err := ParseMask(word); err != nil || got != want {
				t.Errorf("ParseMask(%q) = %d, %v; want %d", word, got, err, want)
			}
		}
	}
}

// TestParseMaskOfABareNumber asks for the number of every length. Those that PowerShell shows for a
// DWORD too are refused, and what the error says to write gives the two masks.
func TestParseMaskOfABareNumber(t *testing.T) {
	ambiguous := map[int]int{0: 32, 1: 31, 3: 30, 7: 29, 15: 28, 31: 27} // number → length as a DWORD
	for n := range 33 {
		got, err := ParseMask(fmt.Sprint(n))
		dword, refused := ambiguous[n]
		if !refused {
			if err != nil || got != n {
				t.Errorf("ParseMask(%d) = %d, %v", n, got, err)
			}
			continue
		}
		want := fmt.Sprintf("is /%d as a length and /%d as Windows' DWORD: write /%d or 0x%x", n, dword, n, n)
		if err == nil || err.Error() != want {
			t.Errorf("ParseMask(%d) = %d, %v; want %s", n, got, err, want)
		}
		if got, err := ParseMask(fmt.Sprintf("0x%x", n)); err != nil || got != dword {
			t.Errorf("ParseMask(0x%x) = %d, %v; want %d", n, got, err, dword)
		}
	}
}

func TestParseMaskSaysWhatIsWrong(t *testing.T) {
	const notMask = "is not a mask; want one like 255.255.248.0, /21 or 0x000007ff"
	for word, want := range map[string]string{
		"255.0.255.0":       "has holes",
		"0.0.7.255":         "has the host bits set instead of the network bits: did you mean 255.255.248.0?",
		"255.255.248":       notMask,
		"255.255.255.0.0":   notMask,
		"10.0.0.0/8":        "is a network, not a mask: did you mean /8?",
		"2001:db8::/32":     "is a network, not a mask: did you mean netmask6 /32?",
		"10.0.0.0/x":        notMask,
		"ffff:ffff::":       "is an IPv6 mask: did you mean netmask6 /32?",
		"ffff:0:ffff::":     "is an IPv6 mask: use netmask6 with a prefix length",
		":":                 "is an IPv6 mask: use netmask6 with a prefix length",
		"/33":               "is longer than /32: did you mean netmask6 /33?",
		"/128":              "is longer than /32: did you mean netmask6 /128?",
		"/129":              "is longer than /32",
		"/":                 "is not a prefix length from 0 to 32",
		"//24":              "is not a prefix length from 0 to 32",
		"33":                "is longer than /32: did you mean netmask6 /33?",
		"64":                "is longer than /32: did you mean netmask6 /64?",
		"63":                "is longer than /32: did you mean 0x3f?",
		"127":               "is longer than /32: did you mean 0x7f?",
		"255":               "is longer than /32: did you mean 0xff?",
		"256":               "is longer than /32",
		"16777215":          "is longer than /32: did you mean 0xffffff?",
		"4294967295":        "is longer than /32: did you mean 0xffffffff?",
		"4294967040":        "is longer than /32: did you mean 0x000000ff?",
		"4294967296":        notMask,
		"-1":                notMask,
		"":                  notMask,
		"class-c":           notMask,
		"ff":                "is not a prefix length: did you mean 0xff?",
		"7FF":               "is not a prefix length: did you mean 0x7FF?",
		"000000ff":          "is not a prefix length: did you mean 0x000000ff?",
		"00000007":          "is not a prefix length: did you mean 0x00000007?",
		"ffffff00":          "is not a prefix length: did you mean 0x000000ff?",
		"ff00ff00":          notMask,
		"0x":                "is not a 32-bit hexadecimal number",
		"0x1ffffffff":       "is not a 32-bit hexadecimal number",
		"0x00ff00ff":        "has holes",
		"0xffffff00":        "has the network bits set, but Windows sets the host bits: did you mean 0x000000ff?",
		"::ffff:255.0.0.0":  "is an IPv6 mask: use netmask6 with a prefix length",
		"255.255.255.0%lan": notMask,
	} {
		if n, err := ParseMask(word); err == nil || err.Error() != want {
			t.Errorf("ParseMask(%q) = %d, %v; want %s", word, n, err, want)
		}
	}
}

func TestParseMask6(t *testing.T) {
	for n := range 129 {
		for _, word := range []string{fmt.Sprint(n), fmt.Sprint("/", n)} {
			if got, err := ParseMask6(word); err != nil || got != n {
				t.Errorf("ParseMask6(%q) = %d, %v", word, got, err)
			}
		}
	}
	const notLength = "is not a prefix length; want one like /64"
	for word, want := range map[string]string{
		"129":           "is longer than /128",
		"ffff:ffff::":   "is a mask, not a prefix length: did you mean /32?",
		"ffff:0:ffff::": notLength,
		"255.255.0.0":   "is an IPv4 mask: did you mean netmask 255.255.0.0?",
		"255.0.255.0":   notLength,
		"0xff":          notLength,
		"2001:db8::/32": "is a network, not a mask: did you mean /32?",
		"10.0.0.0/8":    "is a network, not a mask: did you mean netmask /8?",
		"//64":          notLength,
		"":              notLength,
	} {
		if n, err := ParseMask6(word); err == nil || err.Error() != want {
			t.Errorf("ParseMask6(%q) = %d, %v; want %s", word, n, err, want)
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
