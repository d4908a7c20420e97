# CoreDNS with every default plugin and ordering, in an image that holds nothing else.
#
#   docker buildx build --platform linux/amd64,linux/arm64 --build-arg VERSION=v0.1.0 \
#       --tag YOUR.REGISTRY/coredns-ordering --push .
#
# VERSION is what coredns -version calls the version of ordering.
#
# GOLANG is the only image that the build starts from. A tag can move to another image, a digest
# cannot. The digest is not written here, because it has to be read from the registry when a release
# is made. To read it and to build with it:
#
#   docker buildx imagetools inspect golang:1.26.11 --format '{{.Manifest.Digest}}'
#   docker buildx build --build-arg GOLANG=golang:1.26.11@sha256:DIGEST ...
ARG GOLANG=golang:1.26.11

# The builder always runs on the machine's own platform and cross-compiles, so that no other needs
# emulation.
FROM --platform=$BUILDPLATFORM ${GOLANG} AS build
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates libcap2-bin
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS TARGETARCH VERSION
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$VERSION" -o /coredns ./cmd/coredns
# A process that is not root loses its capabilities when the container runtime executes it, whatever
# the pod's securityContext adds, unless the file brings them along. With this one it may listen on
# port 53, and nothing more. The price: where NET_BIND_SERVICE is not in the container's bounding set
# (drop: [ALL] without add: [NET_BIND_SERVICE]), the kernel refuses to execute the file at all.
RUN setcap cap_net_bind_service=+ep /coredns

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /coredns /coredns
# By number, so that Kubernetes can tell that it is not root (runAsNonRoot).
USER 65532:65532
WORKDIR /
EXPOSE 53/udp 53/tcp
ENTRYPOINT ["/coredns"]
