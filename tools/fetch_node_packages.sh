#!/usr/bin/env bash
# fetch_node_packages.sh: fetches what tests/node names to build/node by npm, once. The tests that compare with it
# use recorded answers without: whatever goes wrong is told in a line, and the exit code is 0.
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")/.." || exit 0
folder=build/node
without() {
  echo "node packages: $1; the comparison with encoding-japanese takes its recorded answers" >&2
  exit 0
}
if [ -d "$folder/node_modules/encoding-japanese" ] && cmp -s tests/node/package-lock.json "$folder/fetched-lock.json"; then exit 0; fi
command -v node >/dev/null && command -v npm >/dev/null || without "node or npm is not here (Debian's packages are large, and not installed for this)"
mkdir -p "$folder" && rm -f "$folder/fetched-lock.json" && cp tests/node/{package.json,package-lock.json,.npmrc} "$folder/" || without "can't write to $folder"
log=$folder/npm.log
if ! (cd "$folder" && timeout 120 npm ci --fetch-retries=1 --fetch-timeout=30000) >"$log" 2>&1; then
  rm -rf "$folder/node_modules"
  without "npm could not fetch them, see $log"
fi
# Only after success: an npm that was ended halfway is tried again.
cp tests/node/package-lock.json "$folder/fetched-lock.json" || without "can't write to $folder"
