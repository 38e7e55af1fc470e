# shellcheck shell=bash
# Finds a Java that runs every part: the registry's classes need 21, Kafka alone would run on 17.

java_minimum=21

# java_major HOME prints the major version of the Java there, or fails when there is none.
java_major() {
  local line
  [[ -x $1/bin/java ]] || return 1
  line=$(grep -s '^JAVA_VERSION=' "$1/release") ||
    line=$("$1/bin/java" -version 2>&1 | grep ' version "') || return 1
  [[ $line =~ \"([0-9]+) ]] && printf '%s' "${BASH_REMATCH[1]}"
}

# find_java prints the home of a Java that is new enough: JAVA_HOME if it is, else the newest of
# /usr/lib/jvm, the path, and what deploy/setup fetched. Fails when there is none.
find_java() {
  local home major best='' best_major=0 on_path
  if [[ -n ${JAVA_HOME:-} ]] && major=$(java_major "$JAVA_HOME") &&
    ((major >= java_minimum)); then
    printf '%s' "$JAVA_HOME"
    return
  fi
  on_path=$(readlink -f "$(command -v java || true)" || true)
  for home in /usr/lib/jvm/* "${on_path%/bin/java}" "$tools/java"; do
    major=$(java_major "$home") || continue
    if ((major >= java_minimum && major > best_major)); then
      best=$home best_major=$major
    fi
  done
  [[ -n $best ]] && printf '%s' "$best"
}
