#!/bin/sh
# Makes the bucket. Harmless to repeat.
set -eu
shell() { echo "$1" | weed shell -master="${MASTER:-minio:9333}"; }
shell s3.bucket.list | grep -qw "$TRUSCORE_BUCKET" || shell "s3.bucket.create -name $TRUSCORE_BUCKET"
shell s3.bucket.list | grep -qw "$TRUSCORE_BUCKET"
