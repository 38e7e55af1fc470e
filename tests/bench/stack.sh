# shellcheck shell=bash
# A stack to be measured: Kafka, registry and orders as shipped, everything on the same cores, with
# customers told over a push gateway that the load tool plays. To be sourced from the root of the
# checkout.
#
#   BENCH_CORES   the cores to use                    (0,1)
#   BENCH_PROFILE release, dev for what is compiled already, or trained for what deploy/release builds  (release)

export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
export TAKEAWAY_VAR=$CARGO_TARGET_DIR/stacks/bench TAKEAWAY_PORT_OFFSET=17000
profile=${BENCH_PROFILE:-release}
export TAKEAWAY_BIN=$CARGO_TARGET_DIR/${profile/#dev/debug}
sink=127.0.0.1:7070
export ORDERS_PUSH_URL=http://$sink/push
# Of a gateway that exists nowhere else.
export ORDERS_PUSH_SECRET=whsec_dGhlIHB1c2ggZ2F0ZXdheSBvZiBhIGJlbmNobWFyaw==

pinned() { taskset -c "${BENCH_CORES:-0,1}" "$@"; }

# start_stack builds what is in the checkout, never measures an older build, and starts without data.
start_stack() {
  if [[ $profile == trained ]]; then
    deploy/release >&2
  else
    cargo build -q --profile "$profile" --workspace --bin orders --bin load
  fi
  start_built
}

# start_built starts what is built, without data, until the script ends.
start_built() {
  mkdir -p "$TAKEAWAY_VAR"
  deploy/local clean >/dev/null
  trap 'deploy/local down >/dev/null' EXIT
  pinned deploy/local up kafka registry orders >&2
}

# load ARGUMENTS... brings orders; its JSON line goes to the end of $results, what it says to stderr.
load() {
  local said
  said=$(pinned "$TAKEAWAY_BIN/load" --sink "$sink" --json "$@")
  printf '%s\n' "${said%$'\n'*}" >&2
  printf '%s\n' "${said##*$'\n'}" >>"$results"
}
