package kubernetes

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/kubernetes/scheme"
)

// podsPerNode is the number of pods on each node of TestScale.
const podsPerNode = 30

// TestScale measures what the server needs in a large cluster whose pods are watched, beside the
// kubernetes plugin alone: the time to be ready, the bytes that the API server sends, the peak of the
// memory and the live heap, and how long a new pod takes to be known while 100 pods a second change.
// ORDERING_SCALE is the number of nodes, each with 30 pods; without it the test is skipped. It prints
// what it measures and fails only on errors.
func TestScale(t *testing.T) {
	nodes, err := strconv.Atoi(os.Getenv("ORDERING_SCALE"))
	if err != nil {
		t.Skip("ORDERING_SCALE is not a number of nodes")
	}
	c := startStorage(t, func(etcd *embed.Etcd) { fill(t, etcd, nodes) })
	kubeconfig := c.readerKubeconfig(t) + " " + kubeContext
	const block = ".:%s {\nbind 127.0.0.1\nproxyproto\nready 127.0.0.1:%s\nprometheus 127.0.0.1:%s\npprof %s\n%s\n}\n"
	plugin := "kubernetes cluster.local {\nkubeconfig " + kubeconfig + "\n}"
	hosts := "hosts {\n192.0.2.11 web\n192.0.2.10 web\n}"
	topology := "ordering {\nround_robin off\nbase_order received\nlocal_net_priority off\ntopology kubernetes " + kubeconfig + "\n}\n"
	for _, test := range []struct{ name, lines, limit string }{
		{"neither", hosts, ""},
		{"kubernetes alone", plugin, ""},
		{"topology alone", topology + hosts, ""},
		{"kubernetes and topology", topology + plugin, ""},
		{"kubernetes and topology with the limit of deploy/", topology + plugin, "220MiB"},
	} {
		t.Setenv("GOMEMLIMIT", test.limit)
		profile := fmt.Sprintf("127.0.0.1:%d", freePorts(t, 1)[0])
		before, began := c.proxy.sent.Load(), time.Now()
		s := startServer(t, fmt.Sprintf(block, dnsPort, readyPort, metricsPort, profile, test.lines))
		s.waitReady(t)
		ready := time.Since(began)
		time.Sleep(5 * time.Second)
		sent := c.proxy.sent.Load() - before
		t.Logf("%s: ready after %.1f s, %.1f MB sent, peak RSS %s, live heap %.1f MB",
			test.name, ready.Seconds(), float64(sent)/1e6, s.status(t, "VmHWM"), s.liveHeap(t, profile))
		if test.name == "topology alone" {
			measureChanges(t, c, s, nodes)
			t.Logf("after the changes: peak RSS %s, live heap %.1f MB", s.status(t, "VmHWM"), s.liveHeap(t, profile))
		}
		s.process.Kill()
		<-s.exited
	}
}

// liveHeap collects garbage through the pprof plugin at an address, and returns the size of the heap
// in MB.
func (s *server) liveHeap(t *testing.T, profile string) float64 {
	t.Helper()
	response, err := http.Get("http://" + profile + "/debug/pprof/heap?gc=1")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatal(err)
	}
	return s.metric(t, "go_memstats_heap_alloc_bytes") / 1e6
}

// measureChanges changes 50 pods a second, each twice, and measures how long it takes until a new pod
// is known, once a second.
func measureChanges(t *testing.T, c *cluster, s *server, nodes int) {
	h := headless{c, c.createNamespace(t, "churn"), "churn"}
	seconds := func() float64 { return s.metric(t, "process_cpu_seconds_total") }
	before, began := seconds(), time.Now()
	var churn sync.WaitGroup
	end := make(chan struct{})
	churn.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond) // 50 pods a second, each created and given an address
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-end:
				return
			case <-tick.C:
				churn.Go(func() { h.tryRunPod(t.Context(), fmt.Sprintf("node-%d", i%nodes), scaleAddress(20, i)) })
			}
		}
	})
	near := netip.MustParseAddr("192.0.2.10") // of node-10; for clients that are not known it comes last
	var delays []time.Duration
	for i := range 20 {
		client := scaleAddress(30, i)
		h.runPod(t, "node-10", client)
		created := time.Now()
		for {
			answer, err := s.from(client).lookup("web", dns.TypeA)
			if err == nil && answer[0] == near {
				break
			}
			if time.Since(created) > timeout {
				t.Fatalf("%s is not known after %v", client, timeout)
			}
			time.Sleep(5 * time.Millisecond)
		}
		delays = append(delays, time.Since(created))
		time.Sleep(time.Second)
	}
	took := time.Since(began).Seconds()
	used := seconds() - before
	close(end)
	churn.Wait()
	slices.Sort(delays)
	t.Logf("under 100 changes a second: known after %v at the median and %v at most, %.1f %% of a core",
		delays[len(delays)/2], delays[len(delays)-1], 100*used/took)
}

func scaleAddress(first, i int) string {
	return fmt.Sprintf("%d.%d.%d.%d", first, i>>16, i>>8&255, i&255)
}

// status returns a line of /proc/PID/status of the server.
func (s *server) status(t *testing.T, key string) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), key+":")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}

// metric returns the value of a metric without labels.
func (s *server) metric(t *testing.T, name string) float64 {
	t.Helper()
	response, err := http.Get("http://" + s.metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var text strings.Builder
	if err := response.Write(&text); err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(text.String(), "\n"+name+" ")
	line, _, _ := strings.Cut(rest, "\n")
	value, err := strconv.ParseFloat(strings.TrimSpace(line), 64)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// fill writes the nodes, pods and slices of a large cluster into etcd, as the API server would.
func fill(t *testing.T, etcd *embed.Etcd, nodes int) {
	client := v3client.New(etcd.Server)
	defer client.Close()
	encoder := protobuf.NewSerializer(scheme.Scheme, scheme.Scheme)
	operations := make(chan clientv3.Op, 1024)
	var writers sync.WaitGroup
	for range 16 {
		writers.Go(func() {
			var batch []clientv3.Op
			write := func() {
				if _, err := client.Txn(t.Context()).Then(batch...).Commit(); err != nil {
					t.Error(err)
				}
				batch = nil
			}
			for op := range operations {
				if batch = append(batch, op); len(batch) == 64 {
					write()
				}
			}
			if len(batch) > 0 {
				write()
			}
		})
	}
	put := func(key string, object runtime.Object) {
		var value strings.Builder
		if err := encoder.Encode(object, &value); err != nil {
			t.Fatal(err)
		}
		operations <- clientv3.OpPut("/registry/"+key, value.String())
	}
	for i := range nodes {
		name := fmt.Sprintf("node-%d", i)
		put("minions/"+name, &corev1.Node{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Node"},
			ObjectMeta: metav1.ObjectMeta{Name: name, UID: uuid.NewUUID(), Labels: map[string]string{
				corev1.LabelTopologyZone: fmt.Sprintf("zone-%d", i%9), corev1.LabelTopologyRegion: "region",
			}},
			Status: corev1.NodeStatus{Addresses: []corev1.NodeAddress{
				{Type: corev1.NodeInternalIP, Address: fmt.Sprintf("192.0.%d.%d", 2+i>>8, i&255)},
			}},
		})
	}
	for i := range nodes * podsPerNode {
		name := fmt.Sprintf("web-%d-%s", i/podsPerNode, uuid.NewUUID()[:13])
		put("pods/default/"+name, &corev1.Pod{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", UID: uuid.NewUUID(), Labels: map[string]string{
				"app": "web", "pod-template-hash": string(uuid.NewUUID()[:8]),
			}},
			Spec: corev1.PodSpec{
				NodeName:   fmt.Sprintf("node-%d", i/podsPerNode),
				Containers: []corev1.Container{{Name: "web", Image: "registry.example/web:1", Env: make([]corev1.EnvVar, 10)}},
				Volumes:    []corev1.Volume{{Name: "kube-api-access-" + string(uuid.NewUUID()[:5])}},
			},
			Status: corev1.PodStatus{
				ContainerStatuses: []corev1.ContainerStatus{{
					Name: "web", Ready: true, Image: "registry.example/web:1",
					ImageID: "registry.example/web@sha256:" + strings.Repeat("0", 64), ContainerID: "containerd://" + string(uuid.NewUUID()),
				}},
				Phase: corev1.PodRunning, PodIP: scaleAddress(10, i), PodIPs: []corev1.PodIP{{IP: scaleAddress(10, i)}},
			},
		})
	}
	for i := range nodes * podsPerNode / perSlice {
		name := fmt.Sprintf("web-%d", i)
		put("services/specs/default/"+name, &corev1.Service{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", UID: uuid.NewUUID()},
			Spec:       corev1.ServiceSpec{ClusterIP: corev1.ClusterIPNone, ClusterIPs: []string{corev1.ClusterIPNone}},
		})
		slice := &discoveryv1.EndpointSlice{
			TypeMeta: metav1.TypeMeta{APIVersion: "discovery.k8s.io/v1", Kind: "EndpointSlice"},
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", UID: uuid.NewUUID(), Labels: map[string]string{
				discoveryv1.LabelServiceName: name, discoveryv1.LabelManagedBy: "endpointslice-controller.k8s.io",
			}},
			AddressType: discoveryv1.AddressTypeIPv4,
		}
		for n := i * perSlice; n < (i+1)*perSlice; n++ {
			node, zone := fmt.Sprintf("node-%d", n/podsPerNode), fmt.Sprintf("zone-%d", n/podsPerNode%9)
			slice.Endpoints = append(slice.Endpoints,
				discoveryv1.Endpoint{Addresses: []string{scaleAddress(10, n)}, NodeName: &node, Zone: &zone})
		}
		put("endpointslices/default/"+name, slice)
	}
	close(operations)
	writers.Wait()
}
