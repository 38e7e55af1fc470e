# shellcheck shell=bash
# Orders, promotions and analytics: our own binaries, as cargo built them.

# context_env NAME prints the settings of that context, one KEY=value a line. Addresses are this
# stack's, whatever the caller's environment says; anything else the caller sets goes through.
context_env() {
  grep -E '^(KAFKA_BOOTSTRAP|SCHEMA_REGISTRY_URL|TOKEN_LOCAL_KEY)=' "$var/stack.env"
  printf '%s\n' "RUST_LOG=${RUST_LOG:-info}" "TAKEAWAY_LOG=${TAKEAWAY_LOG:-json}"
  case $1 in
    orders*)
      # Webhooks to this machine are refused everywhere else: here restaurants live on it.
      printf '%s\n' "ORDERS_LISTEN=127.0.0.1:$(port "$1")" \
        "ORDERS_DATABASE_URL=$(orders_database)" \
        "SMTP_URL=smtp://127.0.0.1:$(port mail-smtp)" \
        "ORDERS_MAIL_FROM=${ORDERS_MAIL_FROM:-orders@takeaway.example}" \
        "ORDERS_WEBHOOK_ALLOW_PRIVATE=${ORDERS_WEBHOOK_ALLOW_PRIVATE:-true}" \
        "ORDERS_PUBLIC_URL=http://127.0.0.1:$(port "$1")" \
        "ORDERS_LINK_KEY_FILE=${ORDERS_LINK_KEY_FILE:-$var/links.key}"
      # Who measures or tests here asks as often as it takes.
      printf '%s\n' "ORDERS_RATE_CUSTOMER=${ORDERS_RATE_CUSTOMER:-0}" \
        "ORDERS_RATE_RESTAURANT=${ORDERS_RATE_RESTAURANT:-0}" \
        "ORDERS_RATE_OPERATOR=${ORDERS_RATE_OPERATOR:-0}" \
        "ORDERS_RATE_SERVICE=${ORDERS_RATE_SERVICE:-0}"
      ;;
    promotions)
      printf '%s\n' "PROMOTIONS_LISTEN=127.0.0.1:$(port promotions)" \
        "PROMOTIONS_DATABASE_URL=sqlite:$var/promotions.db" \
        "PROMOTIONS_CODE_KEY_FILE=${PROMOTIONS_CODE_KEY_FILE:-$var/promotions.key}" \
        "PROMOTIONS_RATE_CUSTOMER=${PROMOTIONS_RATE_CUSTOMER:-0}" \
        "PROMOTIONS_RATE_OPERATOR=${PROMOTIONS_RATE_OPERATOR:-0}" \
        "PROMOTIONS_RATE_SERVICE=${PROMOTIONS_RATE_SERVICE:-0}"
      ;;
    analytics)
      printf '%s\n' "ANALYTICS_LISTEN=127.0.0.1:$(port analytics)" "LAKE_URI=$var/lake"
      ;;
  esac
}

# ensure_key FILE makes a secret of 32 bytes, once, readable by its owner alone.
ensure_key() {
  [[ -s $1 ]] && return
  (
    umask 077
    head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$1.new.$$"
  )
  mv "$1.new.$$" "$1"
}

# apply NAME declares that context's topics and schemas: the deploy step that comes before its
# first start. Repeated when the binary or the cluster is another, so that a context can be
# started again while Kafka is down.
apply() {
  local name=$1 settings what since stamp
  stamp="$(stat -c '%Y.%s' "$bin/$name") $(cat "$var/kafka/cluster-id" 2>/dev/null || true)"
  [[ $(cat "$var/run/$name.applied" 2>/dev/null) == "$stamp" ]] && return
  mapfile -t settings < <(context_env "$name")
  for what in topics schemas; do
    since=$(now_ms)
    (cd "$var" && env "${settings[@]}" "$bin/$name" "$what" apply) \
      </dev/null >>"$(log_of "$name")" 2>&1 9>&- ||
      die_of "$name" "\"$name $what apply\" failed. It needs Kafka and the registry:" \
        "deploy/local status shows whether they are ready."
    report "$name" "$what applied" "$(seconds_since "$since")"
  done
  printf '%s\n' "$stamp" >"$var/run/$name.applied"
}

prepare_context() {
  local program=${1%%-*} certificate
  certificate=${program^^}_TLS_CERT
  # Every address of a stack begins with http://, those that are asked whether it is ready too.
  [[ -z ${!certificate:-} ]] ||
    die "$certificate is set, but a stack is spoken to without TLS. Unset it and its key."
  [[ -x $bin/$program ]] ||
    die "$bin/$program is missing. Build it: cargo build --workspace --bin $program"
  case $1 in
    orders*)
      ensure_key "$var/links.key"
      { ! instances_share || postgres up >/dev/null; } && apply orders
      ;;
    promotions) ensure_key "$var/promotions.key" && apply promotions ;;
    analytics) mkdir -p "$var/lake" ;;
  esac
}

start_context() {
  local settings
  mapfile -t settings < <(context_env "$1")
  spawn "$1" env "${settings[@]}" "$bin/${1%%-*}" serve
}

ready_context() {
  curl -fsS -o /dev/null -m 5 "http://127.0.0.1:$(port "$1")/readyz" 2>/dev/null
}
