package kubernetes

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// lister is the part of a typed client that an informer needs.
type lister[L runtime.Object] interface {
	List(context.Context, metav1.ListOptions) (L, error)
	Watch(context.Context, metav1.ListOptions) (watch.Interface, error)
}

// newInformer returns an informer of one kind. It keeps of each object the *I that trim returns,
// and calls changed for each event: before is nil for a new object, after for a deleted one. The
// result of each request is reported to status.
func newInformer[L runtime.Object, I any](kind string, client lister[L], trim cache.TransformFunc,
	status *apiStatus, changed func(before, after *I)) (cache.SharedIndexInformer, error) {

	informer := cache.NewSharedIndexInformer(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			list, err := client.List(ctx, options)
			status.report(ctx, "list", kind, err)
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			w, err := client.Watch(ctx, options)
			switch initial := options.SendInitialEvents != nil && *options.SendInitialEvents; {
			case initial && (apierrors.IsInvalid(err) || apierrors.IsBadRequest(err)):
				// An API server that cannot send a list as events. The reflector asks for a list next.
			case initial:
				status.report(ctx, "list", kind, err)
				if utilnet.IsConnectionRefused(err) || apierrors.IsTooManyRequests(err) {
					// After such an error the reflector waits for up to a minute, even if ctx ends, and
					// Stop would have to wait with it. After any other it asks for a list, and then waits
					// no longer than until ctx ends.
					err = errors.New(err.Error())
				}
			default:
				status.report(ctx, "watch", kind, err)
			}
			return w, err
		},
	}, nil, 0, nil)
	if err := informer.SetTransform(trim); err != nil {
		return nil, err
	}
	// The requests above report their errors, refused connections included, of which the reflector
	// does not tell this handler.
	if err := informer.SetWatchErrorHandlerWithContext(func(context.Context, *cache.Reflector, error) {}); err != nil {
		return nil, err
	}
	event := func(before, after *I) {
		status.report(context.Background(), "watch", kind, nil)
		changed(before, after)
	}
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(after any) { event(nil, infoOf[I](after)) },
		UpdateFunc: func(before, after any) { event(infoOf[I](before), infoOf[I](after)) },
		DeleteFunc: func(before any) { event(infoOf[I](before), nil) },
	})
	return informer, err
}

// infoOf returns what an informer holds of an object. If the informer missed the deletion of the
// object, that is the last that it knew.
func infoOf[I any](object any) *I {
	if deleted, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = deleted.Obj
	}
	info, _ := object.(*I)
	return info
}
