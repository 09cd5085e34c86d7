#!/bin/sh
# Needs javac, protoc and, of protoc's version, protobuf-java; CLASSPATH names the jars where they lie elsewhere.
set -eu
cd "$(dirname "$0")"
proto=${PROTO:-../../../proto}
jars=${CLASSPATH:-/usr/share/java/protobuf.jar:/usr/share/java/amqp-client.jar:/usr/share/java/slf4j-api.jar}
mkdir -p build/generated build/classes
protoc -I "$proto" --java_out=build/generated "$proto"/truscore/events/v1/*.proto
javac -d build/classes -cp "$jars" -sourcepath build/generated FirstClient.java
