#!/bin/sh
# Makes the bucket and a user that may read and write that bucket and nothing else. Harmless to repeat.
set -eu
access_key=$(cat /run/secrets/truscore_s3_access_key)
mc alias set store "$MINIO_URL" "$MINIO_ROOT_USER" "$(cat /run/secrets/minio_root_password)"
mc mb --ignore-existing "store/$TRUSCORE_BUCKET"
cat > /tmp/policy.json <<JSON
{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads"],
     "Resource": ["arn:aws:s3:::$TRUSCORE_BUCKET"]},
    {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
     "Resource": ["arn:aws:s3:::$TRUSCORE_BUCKET/*"]}
  ]
}
JSON
mc admin policy create store truscore /tmp/policy.json
mc admin user add store "$access_key" "$(cat /run/secrets/truscore_s3_secret_key)"
mc admin policy attach store truscore --user "$access_key" || mc admin user info store "$access_key"
