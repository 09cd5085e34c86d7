#!/bin/sh
# Needs go, protoc and protoc-gen-go. Builds in GOPATH mode from Debian's packages of the two libraries; with a module
# proxy at hand, go.mod and `go build` do the same.
set -eu
cd "$(dirname "$0")"
proto=${PROTO:-../../../proto}
mkdir -p build/src
protoc -I "$proto" --go_out=build/src "$proto"/truscore/events/v1/*.proto
printf 'module truscore\n\ngo 1.19\n' > build/src/truscore/go.mod # which go.mod replaces by this folder
GO111MODULE=off GOPATH="$PWD/build:${GOPATH:+$GOPATH:}/usr/share/gocode" go build -o build/first-client .
