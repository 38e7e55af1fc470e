# shellcheck shell=bash
# Fetches what deploy/pom.xml pins, once for each content of that file. The jars are shared by
# all stacks of a checkout (TAKEAWAY_JARS puts them elsewhere), and survive `make clean`.

# ensure_jars: once this returns, $jars/{kafka,registry,mail} hold what the pom asks for.
ensure_jars() {
  local wanted fresh started maven_log
  wanted=$(checksum "$repo/deploy/pom.xml")
  [[ $(cat "$jars/.resolved" 2>/dev/null) == "$wanted" ]] && return
  command -v mvn >/dev/null || die "Maven (mvn) is missing. Run deploy/setup."
  mkdir -p "$jars"
  (
    flock 8
    # Another stack of this checkout may have fetched them while this one waited.
    [[ $(cat "$jars/.resolved" 2>/dev/null) == "$wanted" ]] && exit
    started=$(now_ms) fresh=$jars/.fresh maven_log=$jars/maven.log
    say "fetching Kafka, registry and mail server (225 MB the first time)"
    rm -rf "$fresh"
    mvn -B -ntp -f "$repo/deploy/pom.xml" -Djars="$fresh" generate-resources \
      </dev/null >"$maven_log" 2>&1 || {
      tail -n 20 "$maven_log" >&2
      die "Maven could not fetch what deploy/pom.xml pins; its log is $maven_log." \
        "Does this machine reach Maven Central (or the mirror in ~/.m2/settings.xml)?"
    }
    rm -rf "$jars/kafka" "$jars/registry" "$jars/mail"
    mv "$fresh/kafka" "$fresh/registry" "$fresh/mail" "$jars/"
    rm -rf "$fresh"
    printf '%s\n' "$wanted" >"$jars/.resolved"
    say "fetched in $(seconds_since "$started")"
  ) 8>"$jars/.lock" || exit 1
}
