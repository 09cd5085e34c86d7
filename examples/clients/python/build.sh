#!/bin/sh
# Needs the packages of requirements.txt in the Python that PYTHON names.
set -eu
cd "$(dirname "$0")"
proto=${PROTO:-../../../proto}
mkdir -p build
"${PYTHON:-python3}" -m grpc_tools.protoc -I "$proto" --python_out=build "$proto"/truscore/events/v1/*.proto
