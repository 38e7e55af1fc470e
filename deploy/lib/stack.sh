# shellcheck shell=bash
# One stack: its folder, its ports, the names of its parts, and stack.env, which tells them.

# The folder of this stack's data, logs and pids, without symbolic links, so that it can be
# compared with the folder a running process was started for.
var=$(mkdir -p "${TAKEAWAY_VAR:-$repo/var}" && cd "${TAKEAWAY_VAR:-$repo/var}" && pwd -P)
[[ $var != *[[:space:]]* ]] || die "TAKEAWAY_VAR must not contain spaces: $var"
bin=$(realpath -ms "${TAKEAWAY_BIN:-${CARGO_TARGET_DIR:-$repo/target}/debug}")

# With an offset every port moves by as much. The highest offset keeps all of them below 32768,
# where Linux begins to hand out ports to outgoing connections.
offset_maximum=23000
declare -rA base_ports=(
  [kafka]=9092 [kafka-1]=9092 [kafka-2]=9093 [kafka-3]=9094
  [kafka-controller]=9192 [kafka-1-controller]=9192
  [kafka-2-controller]=9193 [kafka-3-controller]=9194
  [registry]=8081 [registry-management]=8089
  [mail]=8025 [mail-smtp]=1025 [mail-imap]=1143
  [orders]=8080 [promotions]=8082 [analytics]=8083
  [orders-2]=8084 [orders-3]=8085
  [postgres]=5432
  [secured]=9392 [secured-controller]=9393 [secured-tls]=9394 [secured-mutual]=9395
  [secured-registry]=9396 [secured-registry-management]=9397
)
contexts=(orders promotions analytics)

# recorded KEY prints what the last `up` of this stack wrote about it.
recorded() { sed -n "s/^$1=//p" "$var/stack.env" 2>/dev/null || true; }

# read_settings [LAST] takes the offset and the number of brokers from the environment, else from the
# last `up`, so that `down` and `status` need only TAKEAWAY_VAR. LAST is the offset of a server beside
# the stack, as its own last `up` left it.
read_settings() {
  local last formatted
  last=${1:-$(recorded TAKEAWAY_PORT_OFFSET)}
  offset=${TAKEAWAY_PORT_OFFSET:-${last:-0}}
  [[ $offset =~ ^[0-9]{1,5}$ ]] && ((10#$offset <= offset_maximum)) ||
    die "TAKEAWAY_PORT_OFFSET must be a number from 0 to $offset_maximum, not: $offset"
  offset=$((10#$offset))
  formatted=$(compgen -G "$var/kafka/[1-3]" | wc -l) || formatted=''
  brokers=${TAKEAWAY_BROKERS:-${formatted:-1}}
  [[ $brokers == [13] ]] || die "A stack has 1 or 3 brokers, not: $brokers"
  [[ $brokers == "${formatted:-$brokers}" ]] ||
    die "The data under $var/kafka belongs to $formatted broker(s), not $brokers." \
      "Take another TAKEAWAY_VAR, or remove this stack's data: deploy/local clean"
}

# port NAME prints the port of that name in this stack.
port() { printf '%s' "$((base_ports[$1] + offset))"; }

# offset_of NAME PORT prints the offset that makes it PORT; nothing when there is no PORT.
offset_of() { [[ -z $2 ]] || printf '%s' "$(($2 - base_ports[$1]))"; }

# require_offset LAST dies when what runs was started with another offset than is asked for.
require_offset() {
  [[ $1 == "$offset" ]] || die "This stack ($var) runs with TAKEAWAY_PORT_OFFSET=$1," \
    "not $offset. Stop it first (deploy/${0##*/} down), or take another TAKEAWAY_VAR."
}

# broker_names prints the names of this stack's brokers.
broker_names() {
  if ((brokers == 1)); then
    printf 'kafka\n'
  else
    printf 'kafka-%d\n' 1 2 3
  fi
}

# ports_of NAME prints the names of every port that part listens on.
ports_of() {
  case $1 in
    kafka*) printf '%s\n' "$1" "$1-controller" ;;
    registry) printf '%s\n' registry registry-management ;;
    secured-registry) printf '%s\n' secured-registry secured-registry-management ;;
    secured) printf '%s\n' secured secured-controller secured-tls secured-mutual ;;
    mail) printf '%s\n' mail mail-smtp mail-imap ;;
    *) printf '%s\n' "$1" ;;
  esac
}

kafka_bootstrap() {
  local name addresses=()
  for name in $(broker_names); do addresses+=("127.0.0.1:$(port "$name")"); done
  (IFS=,; printf '%s' "${addresses[*]}")
}

# write_stack_env tells people and scripts where everything is.
write_stack_env() {
  cat >"$var/stack.env.new" <<END
KAFKA_BOOTSTRAP=$(kafka_bootstrap)
SCHEMA_REGISTRY_URL=http://127.0.0.1:$(port registry)/apis/ccompat/v7
ORDERS_URL=http://127.0.0.1:$(port orders)
PROMOTIONS_URL=http://127.0.0.1:$(port promotions)
ANALYTICS_URL=http://127.0.0.1:$(port analytics)
LAKE_URI=$var/lake
SMTP_URL=smtp://127.0.0.1:$(port mail-smtp)
MAIL_URL=http://127.0.0.1:$(port mail)
TOKEN_LOCAL_KEY=$var/token.key
TAKEAWAY_VAR=$var
TAKEAWAY_PORT_OFFSET=$offset
TAKEAWAY_BROKERS=$brokers
END
  mv "$var/stack.env.new" "$var/stack.env"
}
