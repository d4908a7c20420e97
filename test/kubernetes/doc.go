// Package kubernetes tests the server against a real Kubernetes API: kube-apiserver over an
// embedded etcd, with the EndpointSlice controller beside it, all inside the test process, and the
// built server as a process of its own that logs in with the ServiceAccount and the rights that
// deploy/kubernetes ships. It is a module apart, so that nobody who builds the plugin has to
// download Kubernetes.
//
// Run it with the script run in this directory. A cold build of the API server takes minutes.
package kubernetes
