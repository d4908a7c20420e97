# CoreDNS with every default plugin and ordering, in an image that holds nothing else.
#
#   docker buildx build --platform linux/amd64,linux/arm64 --build-arg VERSION=v0.1.0 \
#       --tag YOUR.REGISTRY/coredns-ordering --push .
#
# VERSION is what coredns -version calls the version of ordering.

# The builder always runs on the machine's own platform and cross-compiles, so that no other needs
# emulation.
FROM --platform=$BUILDPLATFORM golang:1.26.11 AS build
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates libcap2-bin
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS TARGETARCH VERSION=devel
# The image takes the server from the archive of a release, so both have the same bytes.
RUN go run -C release . -version "$VERSION" -only "$TARGETOS/$TARGETARCH" -out /release && \
    mkdir /image && tar -xzf /release/*.tar.gz -C /image --strip-components 1
# A process that is not root loses its capabilities when the container runtime executes it, whatever
# the pod's securityContext adds, unless the file brings them along. With this one it may listen on
# port 53, and nothing more. The price: where NET_BIND_SERVICE is not in the container's bounding set
# (drop: [ALL] without add: [NET_BIND_SERVICE]), the kernel refuses to execute the file at all.
RUN setcap cap_net_bind_service=+ep /image/coredns

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /usr/share/doc/ca-certificates/copyright /usr/share/doc/ca-certificates/copyright
COPY --from=build /image/coredns /image/LICENSE /image/THIRD-PARTY-LICENSES.txt /
# By number, so that Kubernetes can tell that it is not root (runAsNonRoot).
USER 65532:65532
WORKDIR /
EXPOSE 53/udp 53/tcp
ENTRYPOINT ["/coredns"]
