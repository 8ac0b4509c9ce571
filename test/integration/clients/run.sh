#!/bin/sh
# Makes clients of openapi.yaml with five generators, compiles them, and runs each against a service started here.
# usage: run.sh [npm|python|oapi-codegen|ogen]...   (all of them when none is named)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
work=$(mktemp -d)
port=${PORT:-18089}
url=http://127.0.0.1:$port

(cd "$root" && npm run -s build)
PORT=$port DATA_DIR=$work/data AUTH=none node "$root/dist/main.js" >"$work/service.log" 2>&1 &
service=$!
trap 'kill $service 2>/dev/null || true; wait $service 2>/dev/null || true; rm -rf "$work"' EXIT
tries=0
until curl -fs "$url/readyz" >/dev/null; do
  tries=$((tries + 1))
  [ $tries -lt 240 ] || { cat "$work/service.log"; exit 1; }
  sleep 0.5
done

npm_clients() {
  "$here/npm/build.sh"
  (cd "$root" && npx tsx "$here/npm/main.ts" "$url")
}

python_client() {
  python3 -m venv "$work/python"
  "$work/python/bin/pip" install -q openapi-python-client
  (cd "$work" && PATH="$work/python/bin:$PATH" openapi-python-client generate --path "$root/openapi.yaml" --output-path python-client)
  PYTHONPATH="$work/python-client" "$work/python/bin/python" "$here/python/scenario.py" "$url"
}

# $1: folder, $2: module
go_client() {
  mkdir -p "$work/$1/api"
  cp "$here/$1/main.go" "$work/$1/"
  cd "$work/$1"
  go mod init "$2" 2>/dev/null
}

oapi_codegen_client() (
  go_client oapi-codegen clients/oapi
  go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@latest \
    -generate types,client -package api -o api/api.go "$root/openapi.yaml"
  go mod tidy
  go run . "$url"
)

ogen_client() (
  go_client ogen clients/ogen
  go run github.com/ogen-go/ogen/cmd/ogen@latest --target api --package api --clean --loglevel error "$root/openapi.yaml"
  go mod tidy
  go run . "$url"
)

[ $# -gt 0 ] || set -- npm python oapi-codegen ogen
for client in "$@"; do
  case $client in
    npm) npm_clients ;;
    python) python_client ;;
    oapi-codegen) oapi_codegen_client ;;
    ogen) ogen_client ;;
    *) echo "there is no client called $client" >&2; exit 1 ;;
  esac
done
