package kubernetes

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// lister is the part of a typed client that a reflector needs.
type lister[L runtime.Object] interface {
	List(context.Context, metav1.ListOptions) (L, error)
	Watch(context.Context, metav1.ListOptions) (watch.Interface, error)
}

// selector says which objects of a kind are read; the zero selector all of them.
type selector struct{ labels, fields string }

// newReflector returns a reflector that keeps store up to date with the objects of one kind. expected
// is an object of the kind. The result of each request is reported to status.
func newReflector[L runtime.Object, I any](client lister[L], expected runtime.Object, selected selector,
	store *store[I]) *cache.Reflector {

	kind, status := store.kind, store.status
	choose := func(options *metav1.ListOptions) {
		options.LabelSelector, options.FieldSelector = selected.labels, selected.fields
	}
	listWatch := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			choose(&options)
			options.TimeoutSeconds = &listTimeout
			list, err := client.List(ctx, options)
			status.report(ctx, "list", kind, err)
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			choose(&options)
			w, err := client.Watch(limited(ctx, options), options)
			switch initial := options.SendInitialEvents != nil && *options.SendInitialEvents; {
			case initial && err != nil:
				// The reflector asks for a list next, which succeeds if the API server cannot send a list
				// as events, or if the account must not watch. Its result is reported.
				if utilnet.IsConnectionRefused(err) || apierrors.IsTooManyRequests(err) {
					// After such an error the reflector would wait for up to a minute first, even if ctx
					// ends, and Stop with it.
					err = errors.New(err.Error())
				}
			case initial:
				status.report(ctx, "list", kind, nil)
				fallthrough
			default:
				status.report(ctx, "watch", kind, err)
			}
			return w, err
		},
	}
	// Without a logger: reflectors log each failure, which apiStatus logs more clearly and once.
	return cache.NewReflectorWithOptions(listWatch, expected, store, cache.ReflectorOptions{Logger: new(klog.Logger)})
}

// listTimeout is how many seconds an API server has for a list. The largest cluster needs far less.
var listTimeout int64 = 5 * 60

// overtime is how much longer than it was asked for a watch may take.
const overtime = 30 * time.Second

// limited returns a context for a watch with these options. It ends when the API server should have
// ended the watch. Without it, a reflector would wait for ever on a server that does not answer, but
// keeps the connection.
func limited(ctx context.Context, options metav1.ListOptions) context.Context {
	if options.TimeoutSeconds == nil {
		return ctx
	}
	ctx, end := context.WithTimeout(ctx, time.Duration(*options.TimeoutSeconds)*time.Second+overtime)
	context.AfterFunc(ctx, end)
	return ctx
}

// collection is a part of places that holds one kind of objects.
type collection[I any] interface {
	set(*I)       // adds an object, or replaces the one with its name
	remove(*I)    // removes the object with this name, if there is one
	replace([]*I) // removes all objects and adds these
}

// store hands what a reflector reads to a collection, trimmed. It is a cache.TransformingStore, so
// that objects are trimmed as soon as they are read.
type store[I any] struct {
	kind   string
	trim   cache.TransformFunc
	in     collection[I]
	update func(change func()) // calls change while nobody else uses the collection
	status *apiStatus
}

var _ cache.TransformingStore = (*store[nodeInfo])(nil)

// Add sets an object that is new.
func (s *store[I]) Add(object any) error { return s.change(object, s.in.set) }

// Update sets an object that has changed.
func (s *store[I]) Update(object any) error { return s.change(object, s.in.set) }

// Delete removes an object.
func (s *store[I]) Delete(object any) error { return s.change(object, s.in.remove) }

func (s *store[I]) change(object any, change func(*I)) error {
	if info := s.trimmed(object); info != nil {
		s.update(func() { change(info) })
	}
	s.status.current(s.kind)
	return nil
}

// Replace sets all objects that there are.
func (s *store[I]) Replace(objects []any, _ string) error {
	all := make([]*I, 0, len(objects))
	for _, object := range objects {
		if info := s.trimmed(object); info != nil {
			all = append(all, info)
		}
	}
	s.update(func() { s.in.replace(all) })
	s.status.current(s.kind)
	return nil
}

// Bookmark notes that everything was read up to now.
func (s *store[I]) Bookmark(string) error {
	s.status.current(s.kind)
	return nil
}

// Resync does nothing.
func (*store[I]) Resync() error { return nil }

// Transformer returns the function that trims objects.
func (s *store[I]) Transformer() cache.TransformFunc { return s.trim }

// trimmed returns what is needed of an object, trimmed before or not; nil for one of another kind.
func (s *store[I]) trimmed(object any) *I {
	object, _ = s.trim(object)
	info, _ := object.(*I)
	return info
}
