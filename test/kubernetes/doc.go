// Package kubernetes tests the server against a real Kubernetes API. A kube-apiserver with an
// embedded etcd and the EndpointSlice controller run inside the test process. The built server is a
// separate process. It logs in with the ServiceAccount and the rights from deploy/kubernetes. This
// package is a module of its own, so that users who build the plugin do not download Kubernetes.
//
// Run it with the script run in this directory. The first build of the API server takes minutes.
package kubernetes
