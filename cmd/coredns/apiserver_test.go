package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// apiServer is the command "apiserver KUBECONFIG FILE" of scripts. It starts a Kubernetes API server
// that has the objects in FILE, a list in JSON, and never another one. It writes a kubeconfig for
// it.
func apiServer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: apiserver KUBECONFIG FILE")
	}
	kubeconfig, stop, err := startAPIServer(ts.ReadFile(args[1]))
	ts.Check(err)
	ts.Defer(stop)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), kubeconfig, 0o600))
}

// startAPIServer starts a Kubernetes API server that has the objects in list, which is JSON, and
// never another one. It returns a kubeconfig for it.
func startAPIServer(list string) (kubeconfig []byte, stop func(), err error) {
	var objects []map[string]any
	if err := json.Unmarshal([]byte(list), &objects); err != nil {
		return nil, nil, err
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		resource := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		w.Header().Set("Content-Type", "application/json")
		watch(w, r, resource, objects)
	}))
	stop = func() {
		server.CloseClientConnections()
		server.Close()
	}
	return fmt.Appendf(nil, `{"apiVersion": "v1", "kind": "Config", "current-context": "c", "users": [{"name": "u"}],
		"contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
		"clusters": [{"name": "c", "cluster": {"server": %q}}]}`, server.URL), stop, nil
}

// watch answers a request that asks for the objects of a resource that there are and for changes.
func watch(w http.ResponseWriter, r *http.Request, resource string, objects []map[string]any) {
	if r.URL.Query().Get("sendInitialEvents") != "true" {
		http.Error(w, "only watches with initial events are known", http.StatusNotImplemented)
		return
	}
	kinds := map[string]string{
		"nodes": "Node", "endpointslices": "EndpointSlice", "pods": "Pod", "services": "Service", "namespaces": "Namespace",
	}
	events := json.NewEncoder(w)
	version := "discovery.k8s.io/v1"
	for _, o := range objects {
		if o["kind"] == kinds[resource] {
			if err := events.Encode(map[string]any{"type": "ADDED", "object": o}); err != nil {
				return
			}
		}
	}
	if resource != "endpointslices" {
		version = "v1"
	}
	end := map[string]any{"kind": kinds[resource], "apiVersion": version, "metadata": map[string]any{
		"resourceVersion": "9", "annotations": map[string]string{"k8s.io/initial-events-end": "true"},
	}}
	if err := events.Encode(map[string]any{"type": "BOOKMARK", "object": end}); err != nil {
		return
	}
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
	<-r.Context().Done()
}
