#!/bin/sh
# After `docker compose up`: looks at every service, has one small dataset validated, and says what works.
set -eu
cd "$(dirname "$0")/../.."
exec docker compose run --rm --no-TTY --entrypoint python cli - \
  --prometheus http://prometheus:9090 --grafana http://grafana:3000 "$@" < deploy/docker/smoke.py
