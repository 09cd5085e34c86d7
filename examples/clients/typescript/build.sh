#!/bin/sh
# Needs Node.js 20 or newer with npm, and protoc.
set -eu
cd "$(dirname "$0")"
proto=${PROTO:-../../../proto}
npm ci --ignore-scripts --no-audit --no-fund
mkdir -p generated
protoc -I "$proto" --plugin=protoc-gen-es=node_modules/.bin/protoc-gen-es \
  --es_out=generated --es_opt=target=ts,import_extension=js "$proto"/truscore/events/v1/*.proto
node_modules/.bin/tsc
