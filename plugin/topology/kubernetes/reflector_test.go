package kubernetes

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestWatchesEnd says when the request for a watch is given up.
func TestWatchesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seconds := int64(100)
		ctx := limited(t.Context(), metav1.ListOptions{TimeoutSeconds: &seconds})
		if end, ok := ctx.Deadline(); !ok || time.Until(end) != 130*time.Second {
			t.Errorf("a watch for 100 seconds is given up after %v", time.Until(end))
		}
		if _, ok := limited(t.Context(), metav1.ListOptions{}).Deadline(); ok {
			t.Error("a watch that was asked for without an end is given up")
		}
	})
}

// TestStoreNotesThatAllIsKnown hands a store objects, some of them of another kind. After each step
// all is known that there is.
func TestStoreNotesThatAllIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n1, n2 := node("n1", "r1", "z1"), node("n2", "r1", "z1")
		in := newNodes()
		status := new(apiStatus)
		status.expect("nodes")
		s := &store[nodeInfo]{kind: "nodes", trim: trimNode, in: in, update: func(change func()) { change() }, status: status}
		for _, step := range []struct {
			name string
			do   func() error
			want []string
		}{
			{"a list", func() error { return s.Replace([]any{n1, new(v1.Pod)}, "") }, []string{"n1"}},
			{"a new one", func() error { return s.Add(n2) }, []string{"n1", "n2"}},
			{"an update", func() error { return s.Update(n2) }, []string{"n1", "n2"}},
			{"a Pod", func() error { return s.Add(new(v1.Pod)) }, []string{"n1", "n2"}},
			{"a deletion", func() error { return s.Delete(n1) }, []string{"n2"}},
			{"a bookmark", func() error { return s.Bookmark("") }, []string{"n2"}},
		} {
			time.Sleep(time.Second)
			if err := step.do(); err != nil {
				t.Errorf("%s: %v", step.name, err)
			}
			var names []string
			for name := range in.byName {
				names = append(names, name)
			}
			slices.Sort(names)
			if !slices.Equal(names, step.want) {
				t.Errorf("%s: nodes %v, want %v", step.name, names, step.want)
			}
			if at := status.oldest(); !at.Equal(time.Now()) {
				t.Errorf("%s: all was known %v ago, want now", step.name, time.Since(at))
			}
		}
	})
}
