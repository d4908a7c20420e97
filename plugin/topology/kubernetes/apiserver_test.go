package kubernetes

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
)

// apiServer is the part of a Kubernetes API server that reflectors need.
type apiServer struct {
	*httptest.Server

	mu       sync.Mutex
	version  int
	objects  map[string]map[string]object // kind, name
	events   map[string][]event
	news     chan struct{} // closed when there is an event
	status   int           // if not 0, the answer to everything
	old      int           // if not 0, the answer to sendInitialEvents
	requests int

	forbidden map[string]bool // kinds, and "watch" for all watches
	watched   []string        // kind, label selector and field selector of each request
}

type object interface {
	runtime.Object
	metav1.Object
}

type event struct {
	Type    string `json:"type"`
	Object  object `json:"object"`
	before  object `json:"-"`
	version int    `json:"-"`
}

// selected reports whether a request is for e. It turns e into that of an object that comes or goes
// where only one of the two versions of the object is selected.
func (e *event) selected(q url.Values) bool {
	now, before := selects(q, e.Object), e.before != nil && selects(q, e.before)
	switch {
	case now && e.Type == "MODIFIED" && !before:
		e.Type = "ADDED"
	case !now && before:
		version := e.Object.GetResourceVersion()
		e.Type, e.Object = "DELETED", e.before.DeepCopyObject().(object)
		e.Object.SetResourceVersion(version)
		return true
	}
	return now
}

// unstartedAPIServer returns an apiServer that does not listen.
func unstartedAPIServer() *apiServer {
	return &apiServer{
		objects:   map[string]map[string]object{"nodes": {}, "endpointslices": {}, "pods": {}},
		forbidden: map[string]bool{},
		events:    map[string][]event{},
		news:      make(chan struct{}),
	}
}

func newAPIServer(tb testing.TB) *apiServer {
	s := unstartedAPIServer()
	s.Server = httptest.NewServer(s)
	tb.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

func (s *apiServer) cluster(tb testing.TB) *Cluster {
	tb.Helper()
	return s.clusterWith(tb, PodsAuto)
}

func (s *apiServer) clusterWith(tb testing.TB, option Pods) *Cluster {
	tb.Helper()
	c := newCluster(&rest.Config{Host: s.URL}, option)
	tb.Cleanup(func() { c.Stop() })
	return c
}

func kindOf(o object) string {
	switch o.(type) {
	case *v1.Node:
		return "nodes"
	case *v1.Pod:
		return "pods"
	}
	return "endpointslices"
}

// asksFor reports whether there was a request for a kind with this label selector.
func (s *apiServer) asksFor(kind, labels string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.watched, func(w string) bool { return strings.HasPrefix(w, kind+" "+labels+" ") })
}

// selects reports whether a request is for o.
func selects(q url.Values, o object) bool {
	byLabel, err := labels.Parse(q.Get("labelSelector"))
	if err != nil {
		panic(err)
	}
	byField, err := fields.ParseSelector(q.Get("fieldSelector"))
	if err != nil {
		panic(err)
	}
	of := fields.Set{"metadata.name": o.GetName()}
	if p, ok := o.(*v1.Pod); ok {
		of["spec.nodeName"], of["status.phase"] = p.Spec.NodeName, string(p.Status.Phase)
	}
	return byLabel.Matches(labels.Set(o.GetLabels())) && byField.Matches(of)
}

// put creates or updates objects.
func (s *apiServer) put(objects ...object) {
	for _, o := range objects {
		s.mu.Lock()
		kind, what := kindOf(o), "ADDED"
		if _, known := s.objects[kind][o.GetName()]; known {
			what = "MODIFIED"
		}
		s.happen(kind, what, o, s.objects[kind][o.GetName()])
		s.objects[kind][o.GetName()] = o.DeepCopyObject().(object)
		s.mu.Unlock()
	}
}

func (s *apiServer) remove(o object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objects[kindOf(o)], o.GetName())
	s.happen(kindOf(o), "DELETED", o.DeepCopyObject().(object), nil)
}

func (s *apiServer) happen(kind, what string, o, before object) {
	s.version++
	o.SetResourceVersion(strconv.Itoa(s.version))
	s.events[kind] = append(s.events[kind], event{what, o.DeepCopyObject().(object), before, s.version})
	close(s.news)
	s.news = make(chan struct{})
}

// answer makes the server answer each request with this HTTP status, and closes the connections that
// are open. With 0 it answers as usual again.
func (s *apiServer) answer(status int) {
	s.mu.Lock()
	s.status = status
	s.mu.Unlock()
	if status != 0 {
		s.CloseClientConnections()
	}
}

// forbid makes the server refuse requests for a kind, or all watches, or answer them again.
func (s *apiServer) forbid(what string, forbidden bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forbidden[what] = forbidden
}

func (s *apiServer) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests++
	status, old := s.status, s.old
	kind := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	q := r.URL.Query()
	s.watched = append(s.watched, kind+" "+q.Get("labelSelector")+" "+q.Get("fieldSelector"))
	if s.forbidden[kind] || s.forbidden["watch"] && q.Get("watch") != "" {
		status = http.StatusForbidden
	}
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case status != 0:
		fail(w, status, kind)
	case q.Get("watch") == "":
		s.list(w, q, kind)
	case q.Get("sendInitialEvents") == "true" && old != 0:
		fail(w, old, kind)
	default:
		s.watch(w, r, kind)
	}
}

func fail(w http.ResponseWriter, status int, kind string) {
	reasons := map[int]metav1.StatusReason{
		http.StatusForbidden:           metav1.StatusReasonForbidden,
		http.StatusUnauthorized:        metav1.StatusReasonUnauthorized,
		http.StatusUnprocessableEntity: metav1.StatusReasonInvalid,
		http.StatusBadRequest:          metav1.StatusReasonBadRequest,
	}
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusFailure, Code: int32(status), Reason: reasons[status],
		Message: kind + ` is forbidden: User "system:serviceaccount:kube-system:dns" cannot list it`,
	})
}

func (s *apiServer) list(w http.ResponseWriter, q url.Values, kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	unselected := func(o object) bool { return !selects(q, o) }
	list := map[string]metav1.TypeMeta{
		"nodes":          {Kind: "NodeList", APIVersion: "v1"},
		"pods":           {Kind: "PodList", APIVersion: "v1"},
		"endpointslices": {Kind: "EndpointSliceList", APIVersion: "discovery.k8s.io/v1"},
	}[kind]
	json.NewEncoder(w).Encode(map[string]any{
		"kind": list.Kind, "apiVersion": list.APIVersion,
		"metadata": metav1.ListMeta{ResourceVersion: strconv.Itoa(s.version)},
		"items":    slices.DeleteFunc(slices.Collect(maps.Values(s.objects[kind])), unselected),
	})
}

func (s *apiServer) watch(w http.ResponseWriter, r *http.Request, kind string) {
	out := json.NewEncoder(w)
	since, _ := strconv.Atoi(r.URL.Query().Get("resourceVersion"))
	s.mu.Lock()
	if r.URL.Query().Get("sendInitialEvents") == "true" {
		for _, o := range s.objects[kind] {
			if selects(r.URL.Query(), o) {
				out.Encode(event{Type: "ADDED", Object: o})
			}
		}
		bookmark := object(&v1.Node{TypeMeta: metav1.TypeMeta{Kind: "Node", APIVersion: "v1"}})
		if kind == "endpointslices" {
			bookmark = &discovery.EndpointSlice{TypeMeta: metav1.TypeMeta{Kind: "EndpointSlice", APIVersion: "discovery.k8s.io/v1"}}
		}
		if kind == "pods" {
			bookmark = &v1.Pod{TypeMeta: metav1.TypeMeta{Kind: "Pod", APIVersion: "v1"}}
		}
		bookmark.SetResourceVersion(strconv.Itoa(s.version))
		bookmark.SetAnnotations(map[string]string{metav1.InitialEventsAnnotationKey: "true"})
		out.Encode(event{Type: "BOOKMARK", Object: bookmark})
		since = s.version
	}
	s.mu.Unlock()
	for {
		s.mu.Lock()
		for _, e := range s.events[kind] {
			if e.version > since {
				since = e.version
				if e.selected(r.URL.Query()) {
					out.Encode(e)
				}
			}
		}
		news := s.news
		s.mu.Unlock()
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-news:
		}
	}
}

// node returns a Node. region and zone may be empty. The networks with a "/" are pod networks, the
// others the node's own addresses.
func node(name, region, zone string, networks ...string) *v1.Node {
	n := &v1.Node{
		TypeMeta:   metav1.TypeMeta{Kind: "Node", APIVersion: "v1"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"kubernetes.io/os": "linux"}},
	}
	if region != "" {
		n.Labels[v1.LabelTopologyRegion] = region
	}
	if zone != "" {
		n.Labels[v1.LabelTopologyZone] = zone
	}
	for _, network := range networks {
		if strings.Contains(network, "/") {
			n.Spec.PodCIDRs = append(n.Spec.PodCIDRs, network)
		} else {
			n.Status.Addresses = append(n.Status.Addresses, v1.NodeAddress{Type: v1.NodeInternalIP, Address: network})
		}
	}
	return n
}

// aPod returns a running Pod on a node, which was started n seconds after the beginning of time.
func aPod(name, node string, n int64, addresses ...string) *v1.Pod {
	p := &v1.Pod{
		TypeMeta:   metav1.TypeMeta{Kind: "Pod", APIVersion: "v1"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"},
		Spec:       v1.PodSpec{NodeName: node},
		Status:     v1.PodStatus{Phase: v1.PodRunning, StartTime: &metav1.Time{Time: time.Unix(n, 0)}},
	}
	for _, address := range addresses {
		p.Status.PodIPs = append(p.Status.PodIPs, v1.PodIP{IP: address})
	}
	return p
}

// managed returns s as the controller of this name writes it; "" for nobody knows.
func managed(by string, s *discovery.EndpointSlice) *discovery.EndpointSlice {
	s.Labels = map[string]string{discovery.LabelManagedBy: by}
	if by == "" {
		s.Labels = nil
	}
	return s
}

// endpointSlice returns an EndpointSlice as the cluster's own controller writes it. A place is an
// endpoint, "address node zone", where "-" stands for none.
func endpointSlice(name string, places ...string) *discovery.EndpointSlice {
	s := &discovery.EndpointSlice{
		TypeMeta:    metav1.TypeMeta{Kind: "EndpointSlice", APIVersion: "discovery.k8s.io/v1"},
		ObjectMeta:  metav1.ObjectMeta{Name: name, Namespace: "default"},
		AddressType: discovery.AddressTypeIPv4,
	}
	for _, place := range places {
		words := strings.Fields(place)
		e := discovery.Endpoint{Addresses: words[:1]}
		if words[1] != "-" {
			e.NodeName = &words[1]
		}
		if words[2] != "-" {
			e.Zone = &words[2]
		}
		s.Endpoints = append(s.Endpoints, e)
	}
	return managed(ownSlices, s)
}
