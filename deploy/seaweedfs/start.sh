#!/bin/sh
# Starts SeaweedFS in the place of MinIO, with the same two logins: an administrator, and a key that may read and write
# the bucket and nothing else. Arguments go to the program, last.
set -eu
logins=${LOGINS:-/run/secrets}
umask 077
cat > "${IDENTITIES:-/tmp/identities.json}" <<JSON
{
  "identities": [
    {"name": "admin", "actions": ["Admin"],
     "credentials": [{"accessKey": "$MINIO_ROOT_USER", "secretKey": "$(cat "$logins/minio_root_password")"}]},
    {"name": "truscore", "actions": ["Read:$TRUSCORE_BUCKET", "Write:$TRUSCORE_BUCKET", "List:$TRUSCORE_BUCKET"],
     "credentials": [{"accessKey": "$(cat "$logins/truscore_s3_access_key")",
                      "secretKey": "$(cat "$logins/truscore_s3_secret_key")"}]}
  ]
}
JSON
# Volumes are made as they are needed, up to what the disk takes.
exec weed -logtostderr mini -dir="${DATA:-/data}" -ip=minio -ip.bind=0.0.0.0 -s3.port=9000 -volume.max=10000 \
  -s3.config="${IDENTITIES:-/tmp/identities.json}" -master.telemetry=false -webdav=false -admin.ui=false "$@"
