package ordering

import (
	"slices"
	"strings"
	"testing"
)

func TestDirectivesPutsOrderingBeforeLoadbalance(t *testing.T) {
	list := []string{"errors", "loadbalance", "cache", "file"}
	want := []string{"errors", "ordering", "loadbalance", "cache", "file"}
	if got := Directives(list); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if slices.Contains(list, "ordering") {
		t.Errorf("the argument has become %v", list)
	}
}

func TestDirectivesPanicsWhereItCannotInsert(t *testing.T) {
	tests := []struct {
		list []string
		want string
	}{
		{[]string{"errors", "cache", "file"}, "no loadbalance"},
		{[]string{"errors", "ordering", "loadbalance", "file"}, "ordering already"},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			defer func() {
				if message, _ := recover().(string); !strings.Contains(message, tt.want) {
					t.Errorf("panic says %q, want it to say %q", message, tt.want)
				}
			}()
			Directives(tt.list)
		})
	}
}
