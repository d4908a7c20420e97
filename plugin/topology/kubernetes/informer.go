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

// lister is what the typed clients have in common.
type lister[L runtime.Object] interface {
	List(context.Context, metav1.ListOptions) (L, error)
	Watch(context.Context, metav1.ListOptions) (watch.Interface, error)
}

// informer watches one kind, keeps facts of type F, and tells changed about each event: before is nil for an object that is new,
// after for one that is gone.
func informer[L runtime.Object, F any](c *Cluster, kind string, client lister[L], trim cache.TransformFunc, changed func(before, after *F)) (cache.SharedIndexInformer, error) {
	informer := cache.NewSharedIndexInformer(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			list, err := client.List(ctx, options)
			c.heard(ctx, "list", kind, err)
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			w, err := client.Watch(ctx, options)
			switch initial := options.SendInitialEvents != nil && *options.SendInitialEvents; {
			case initial && (apierrors.IsInvalid(err) || apierrors.IsBadRequest(err)):
				// An older API server. A list follows.
			case initial:
				c.heard(ctx, "list", kind, err)
				if utilnet.IsConnectionRefused(err) || apierrors.IsTooManyRequests(err) {
					// After these the reflector waits here, for up to a minute and whatever becomes of ctx: Stop would have
					// to wait too. After others it tries a list, and then waits no longer than ctx allows.
					err = errors.New(err.Error())
				}
			default:
				c.heard(ctx, "watch", kind, err)
			}
			return w, err
		},
	}, nil, 0, nil)
	if err := informer.SetTransform(trim); err != nil {
		return nil, err
	}
	// What cannot be listed or watched was heard above, and sooner: refused connections are tried again without a word to this.
	if err := informer.SetWatchErrorHandlerWithContext(func(context.Context, *cache.Reflector, error) {}); err != nil {
		return nil, err
	}
	tell := func(before, after *F) {
		c.heard(context.Background(), "watch", kind, nil)
		changed(before, after)
	}
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(after any) { tell(nil, facts[F](after)) },
		UpdateFunc: func(before, after any) { tell(facts[F](before), facts[F](after)) },
		DeleteFunc: func(before any) { tell(facts[F](before), nil) },
	})
	return informer, err
}

// facts returns what an informer holds of an object, the last that was known of one whose deletion was missed.
func facts[F any](object any) *F {
	if gone, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = gone.Obj
	}
	f, _ := object.(*F)
	return f
}
