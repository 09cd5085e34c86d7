#!/bin/sh
# A user and a policy for each service, from /users: NAME.json and NAME.key. Harmless to repeat.
set -eu
mc alias set store "$MINIO_URL" "$MINIO_ROOT_USER" "$(cat /run/secrets/minio_root_password)"
for file in /users/*.json; do
  user=${file##*/}
  user=${user%.json}
  mc admin policy create store "truscore-$user" "$file"
  mc admin user add store "$user" "$(cat "/users/$user.key")"
  mc admin policy attach store "truscore-$user" --user "$user" || mc admin user info store "$user"
done
