#!/bin/sh
# Fetches the generators as package-lock.json says, makes both clients, and compiles all with TypeScript 5.
set -e
cd "$(dirname "$0")"
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund --ignore-scripts
rm -rf generated
node_modules/.bin/openapi-typescript ../../../../openapi.yaml -o generated/openapi-typescript/api.d.ts
node_modules/.bin/openapi-ts -i ../../../../openapi.yaml -o generated/hey-api --no-log-file
node_modules/.bin/tsc -p .
