# shellcheck shell=bash
# The PostgreSQL of one stack: where its programs, its data and its password are. Sourced, never run.

# find_postgres prints the folder of the newest initdb, postgres and pg_ctl on this machine.
find_postgres() {
  local folder
  folder=$(compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -n 1) ||
    folder=$(command -v initdb) || return 1
  [[ -n $folder ]] && printf '%s' "${folder%/initdb}"
}

# as_postgres COMMAND... runs it as a user who may run PostgreSQL: it refuses root.
as_postgres() {
  if ((EUID == 0)); then runuser -u postgres -- "$@"; else "$@"; fi
}

# postgres_home prints the folder of its data, password and log. A checkout that only root may enter
# is closed to the user postgres; the data is then under /var/tmp.
postgres_home() {
  if as_postgres test -x "$var"; then
    printf '%s' "$var/postgres"
  else
    printf '/var/tmp/takeaway-postgres-%s' "$(cksum <<<"$var" | cut -d ' ' -f 1)"
  fi
}
