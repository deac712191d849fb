#!/usr/bin/env bash
# fetch_geoip.sh: fetches a country database for GeoIP (packaging/geoip) to build/geoip by npm, once, and says
# where it is. The hub works without: whatever goes wrong is told in a line, and the exit code is 0.
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")/.." || exit 0
folder=build/geoip
file=$folder/node_modules/@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb
without() {
  echo "GeoIP: $1; going on without a country database (name one that you have with geoip2db or geoipdb)" >&2
  exit 0
}
if [ -f "$file" ] && cmp -s packaging/geoip/package-lock.json "$folder/package-lock.json"; then exit 0; fi
command -v npm >/dev/null || without "npm is not here (Debian's package npm is large, and not installed for this)"
mkdir -p "$folder" && cp packaging/geoip/{package.json,package-lock.json,.npmrc} "$folder/" || without "can't write to $folder"
log=$folder/npm.log
if ! (cd "$folder" && timeout 120 npm ci --fetch-retries=1 --fetch-timeout=30000) >"$log" 2>&1 || [ ! -f "$file" ]; then
  rm -rf "$folder/package-lock.json" "$folder/node_modules"  # so that the next call tries again
  without "npm could not fetch it, see $log"
fi
echo "GeoIP: a country database is at $PWD/$file"
echo "       (@ip-location-db, CC0; made of data of the NRO, https://www.nro.net, CC BY 4.0)"
