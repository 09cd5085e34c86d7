#!/bin/sh
# Makes what `docker compose up` needs beside the repository: .env, and secrets/ with random passwords.
# What is there already stays, so it is harmless to repeat; after a change of .env or of a file in secrets/ repeat it.
set -eu
cd "$(dirname "$0")/../.."
umask 077
folder=secrets

fail() {
  echo "init.sh: $1" >&2
  exit 1
}

random() { od -An -v -tx1 -N20 /dev/urandom | tr -d ' \n'; }

# A file of one line; $2 is what a new one holds. Readable for all, for containers' users differ: the folder isn't.
secret() {
  [ -e "$folder/$1" ] || printf '%s' "$2" > "$folder/$1"
  chmod 644 "$folder/$1"
}

# Has services accept the token of gRPC in file $1, by the name $2 with the role $3, in place of the one before it. The
# list is written over, not replaced: containers see the file, not its name.
accept() {
  list=$folder/truscore_grpc_tokens
  line="$2 $3 sha256:$(printf '%s' "$(cat "$folder/$1")" | sha256sum | cut -d ' ' -f 1)"
  if ! grep -qxF "$line" "$list"; then
    others=$(grep -v "^$2 " "$list" || true)
    printf '%s\n' ${others:+"$others"} "$line" > "$list"
  fi
}

# Least and most characters, as the program that takes the password has them.
check() {
  text=$(cat "$folder/$1")
  [ "${#text}" -ge "$2" ] && [ "${#text}" -le "$3" ] \
    || fail "$folder/$1 holds ${#text} characters: accepted are $2 to $3"
  printf '%s' "$text" | LC_ALL=C grep -q '[^ -~]' \
    && fail "$folder/$1 holds a character that is not printable ASCII: accepted are letters, digits, blanks and any of !\"#\$%&'()*+,-./:;<=>?@[\\]^_\`{|}~"
  [ "$(printf '%s' "$text" | wc -l)" -eq 0 ] || fail "$folder/$1 holds more than one line: accepted is one"
  case "$text" in ' '* | *' ') fail "$folder/$1 begins or ends with a blank: that is not accepted" ;; esac
}

# Every byte as %XX, so that no character of a password means anything in an address.
encoded() { printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n' | sed 's/../%&/g'; }

# A value in single quotes, as sh and python-dotenv read it.
quoted() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }

# What .env says, without the quotes around it; $2 where it says nothing.
setting() {
  value=$(sed -n "s/^$1=//p" .env | tail -n 1 | sed "s/^'\(.*\)'\$/\1/; s/^\"\(.*\)\"\$/\1/")
  printf '%s' "${value:-$2}"
}

mkdir -p "$folder"
chmod 700 "$folder"
[ -e .env ] || cp deploy/docker/env.example .env

for name in rabbitmq_password minio_root_password postgres_password grafana_password truscore_s3_secret_key; do
  secret "$name" "$(random)"
done
secret truscore_s3_access_key truscore
# Empty: nothing is signed. docs/operations.md shows how a key is made.
secret truscore_validator_signing_key ''
secret truscore_exporter_signing_key ''
secret truscore_search_storage_url ''
secret truscore_studio_operator_amqp_url ''
secret truscore_studio_oidc_client_secret ''
secret truscore_studio_storage_url ''
# More lines are for people and other systems: docs/operations.md.
secret truscore_grpc_tokens ''
secret truscore_grpc_token "$(random)$(random)"
secret cli_grpc_token "$(random)$(random)"
check truscore_grpc_token 32 1024
check cli_grpc_token 32 1024
accept truscore_grpc_token studio operator
accept cli_grpc_token cli admin
check rabbitmq_password 1 256
check minio_root_password 8 256
check postgres_password 1 256
check grafana_password 5 256
check truscore_s3_access_key 3 20
check truscore_s3_secret_key 8 40

user=$(setting RABBITMQ_USER truscore)
login="$(encoded "$user"):$(encoded "$(cat "$folder/rabbitmq_password")")"
rm -f "$folder/truscore_amqp_url" "$folder/host.env"
secret truscore_amqp_url "amqp://$login@rabbitmq:5672/"

cat > "$folder/host.env" <<ENV
# Where the system answers on this machine, for programs outside the containers: set -a; . $folder/host.env; set +a
TRUSCORE_AMQP_URL='amqp://$login@127.0.0.1:5672/'
TRUSCORE_S3_ENDPOINT=http://127.0.0.1:9000
TRUSCORE_S3_ACCESS_KEY=$(quoted "$(cat "$folder/truscore_s3_access_key")")
TRUSCORE_S3_SECRET_KEY=$(quoted "$(cat "$folder/truscore_s3_secret_key")")
TRUSCORE_BUCKET=$(setting TRUSCORE_BUCKET truscore)
TRUSCORE_GRPC_TOKEN=$(quoted "$(cat "$folder/cli_grpc_token")")
TRUSCORE_MONITOR_ADDRESS=127.0.0.1:50051
TRUSCORE_TRACKER_ADDRESS=127.0.0.1:50052
TRUSCORE_VALIDATOR_ADDRESS=127.0.0.1:50060
TRUSCORE_TRAINER_ADDRESS=127.0.0.1:50070
TRUSCORE_EXPORTER_ADDRESS=127.0.0.1:50080
TRUSCORE_STUDIO_ADDRESS=127.0.0.1:50090
TRUSCORE_SEARCH_ADDRESS=127.0.0.1:50053
TRUSCORE_MLFLOW_URL=http://127.0.0.1:5000
TRUSCORE_MODEL_TRUSTED_KEYS=$(quoted "$(setting TRUSCORE_MODEL_TRUSTED_KEYS '[]')")
ENV

echo ".env and $folder/ are ready: docker compose up --build --detach --wait"
