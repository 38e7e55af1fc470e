# shellcheck shell=bash
# Paths, ports, time and messages that deploy/setup and deploy/local share. Sourced, never run.

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
tools=$repo/var/tools
# From the root on: every process works in a folder of its stack.
jars=$(realpath -ms "${TAKEAWAY_JARS:-$repo/var/jars}")

# say TEXT... prints one line of progress.
say() { printf '%s\n' "$*"; }

# die TEXT... ends the script with exit code 1; the text says what to do about it.
die() {
  printf '\ndeploy/%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# now_ms prints the milliseconds since 1970.
now_ms() { printf '%s' "$((${EPOCHREALTIME//[.,]/} / 1000))"; }

# seconds_since MS prints the time since then as "2.3 s".
seconds_since() {
  local tenths=$((($(now_ms) - $1 + 50) / 100))
  printf '%d.%d s' "$((tenths / 10))" "$((tenths % 10))"
}

# checksum FILE prints what changes when, and only when, its content does.
checksum() { sha256sum "$1" | cut -d ' ' -f 1; }
