# shellcheck shell=bash
# Apicurio Registry, storing in a file: with its default, memory, schema ids would be others after
# a restart, and every event written before would be unreadable.

start_registry() {
  mkdir -p "$var/registry"
  # WRITE_DELAY=0: H2 otherwise answers half a second before a schema is on disk, and a kill in
  # between would forget an id that events already carry.
  # The management interface listens on every address unless it is told not to.
  spawn registry "$java" "-Djava.io.tmpdir=$(fresh_tmp registry)" \
    -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:+ExitOnOutOfMemoryError \
    -Dquarkus.http.host=127.0.0.1 "-Dquarkus.http.port=$(port registry)" \
    -Dquarkus.management.host=127.0.0.1 "-Dquarkus.management.port=$(port registry-management)" \
    -Dquarkus.http.access-log.enabled=false \
    -Dapicurio.storage.kind=sql -Dapicurio.storage.sql.kind=h2 \
    "-Dapicurio.datasource.url=jdbc:h2:file:$var/registry/registry;WRITE_DELAY=0" \
    -jar "$jars/registry/quarkus-run.jar"
}

ready_registry() {
  curl -fsS -o /dev/null -m 5 "http://127.0.0.1:$(port registry)/apis/ccompat/v7/subjects" \
    2>/dev/null
}
