#!/usr/bin/env bash
# install_packages.sh PURPOSE...: installs the packages of those sections of packages.txt that are missing.
set -euo pipefail
list=$(dirname "$(readlink -f "$0")")/packages.txt
wanted=
for purpose in "$@"; do
  wanted+=" $(sed -n "/^\[$purpose\]/,/^\[/p" "$list" | grep -v -e '^\[' -e '^#' | tr '\n' ' ')"
done
missing=
for package in $wanted; do
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) || status=
  [ "$status" = installed ] || missing+=" $package"
done
[ -n "$missing" ] || exit 0

command -v apt-get >/dev/null || { echo "These Debian packages are missing and there is no apt-get here:$missing" >&2; exit 1; }
as_root=
if [ "$(id -u)" -ne 0 ]; then
  # Without a terminal nobody can type a password.
  ask=-n
  if [ -t 0 ]; then ask=; fi
  if ! command -v sudo >/dev/null || ! sudo $ask true; then
    printf 'Packages are missing. As root, run:\n  apt-get install --no-install-recommends%s\n' "$missing" >&2
    exit 1
  fi
  as_root=sudo
fi
echo "installing:$missing"
# Postfix is here for its load generators: it must not become this machine's mail server.
case $missing in *postfix*)
  echo 'postfix postfix/main_mailer_type select No configuration' | $as_root debconf-set-selections || true ;;
esac
# slapd and PostgreSQL are here for the tests, which start their own: none of theirs may begin to listen, now or later.
case $missing in *slapd*)
  echo 'slapd slapd/no_configuration boolean true' | $as_root debconf-set-selections || true ;;
esac
case $missing in *postgresql*)
  settings=/etc/postgresql-common/createcluster.conf
  [ -e "$settings" ] || { $as_root mkdir -p "${settings%/*}" && echo 'create_main_cluster = false' | $as_root tee "$settings" >/dev/null; } ;;
esac
# The filters and Dovecot are here for the tests too: theirs is a program, not a service. One that was here before is left as it is.
for package in $missing; do
  case $package in opendkim | opendmarc | clamav-milter | rspamd) services=$package ;;
    clamav-daemon) services='clamav-daemon clamav-freshclam' ;;
    dovecot-core) services=dovecot ;;
    *) continue ;;
  esac
  for service in $services; do
    unit=/etc/systemd/system/$service.service
    [ -e "$unit" ] || [ -L "$unit" ] || { $as_root mkdir -p "${unit%/*}" && $as_root ln -s /dev/null "$unit" && echo "masked: $service.service"; }
  done
done
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
  $as_root chmod 755 "$policy"
  trap '$as_root rm -f "$policy"' EXIT
fi
$as_root apt-get update -qq || echo "apt-get update reported a problem; going on with the lists that are here" >&2
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold $missing >/dev/null
