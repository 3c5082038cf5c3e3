#!/bin/sh
# Reads NAME from the file named by NAME_FILE (a mounted secret), then starts the command given.
set -eu

for name in POSTGRES_PASSWORD AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY; do
    eval "file=\${${name}_FILE:-} value=\${${name}:-}"
    [ -n "$file" ] || continue
    if [ -n "$value" ]; then
        echo "entrypoint: both $name and ${name}_FILE are set: remove one" >&2
        exit 1
    fi
    if [ ! -r "$file" ]; then
        echo "entrypoint: ${name}_FILE names $file, which cannot be read: mount the secret there" >&2
        exit 1
    fi
    value=$(cat "$file")
    export "$name=$value"
    unset "${name}_FILE"
done

exec "$@"
