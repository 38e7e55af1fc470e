# shellcheck shell=bash
# Apicurio Registry, storing in a file: with its default, memory, schema ids would be others after
# a restart, and every event written before would be unreadable.

start_registry() { run_registry registry "-Dquarkus.http.port=$(port registry)"; }

# run_registry NAME SETTING... starts a registry as that part, with its data in the folder of that name.
run_registry() {
  local name=$1
  shift
  mkdir -p "$var/$name"
  # WRITE_DELAY=0: H2 otherwise answers half a second before a schema is on disk, and a kill in
  # between would forget an id that events already carry.
  # The management interface listens on every address unless it is told not to.
  spawn "$name" "$java" "-Djava.io.tmpdir=$(fresh_tmp "$name")" \
    -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:+ExitOnOutOfMemoryError \
    -Dquarkus.http.host=127.0.0.1 "$@" \
    -Dquarkus.management.host=127.0.0.1 "-Dquarkus.management.port=$(port "$name-management")" \
    -Dquarkus.http.access-log.enabled=false \
    -Dapicurio.storage.kind=sql -Dapicurio.storage.sql.kind=h2 \
    "-Dapicurio.datasource.url=jdbc:h2:file:$var/$name/registry;WRITE_DELAY=0" \
    -jar "$jars/registry/quarkus-run.jar"
}

ready_registry() { answers_subjects "http://127.0.0.1:$(port registry)"; }

# answers_subjects BASE OPTIONS...: a registry serves there; curl takes the options.
answers_subjects() {
  curl -fsS -o /dev/null -m 5 "${@:2}" "$1/apis/ccompat/v7/subjects" 2>/dev/null
}
