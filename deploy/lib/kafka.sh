# shellcheck shell=bash
# Apache Kafka in KRaft mode: one broker, or three for fault tests. Each is its own controller.

# Tiered compilation stays as it is: a broker that only ever ran C1 code would spoil every figure.
kafka_java() {
  printf '%s\n' -Xms192m -Xmx384m -XX:+UseSerialGC -Xshare:auto -XX:+ExitOnOutOfMemoryError \
    -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dorg.slf4j.simpleLogger.showDateTime=true \
    '-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS' \
    -cp "$jars/kafka/*"
}

# node_of NAME prints the node id of that broker: kafka and kafka-1 are 1.
node_of() { [[ $1 =~ -([0-9])$ ]] && printf '%s' "${BASH_REMATCH[1]}" || printf 1; }

kafka_cluster_id() {
  local file=$var/kafka/cluster-id
  # A UUID in URL-safe base64, as the brokers' own tool makes them; it must not begin with a dash.
  [[ -s $file ]] ||
    printf 'K%s\n' "$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | cut -c 2-22)" >"$file"
  cat "$file"
}

# write_server_properties NAME: the settings follow from the stack's ports and number of brokers,
# so they are written anew at each start.
write_server_properties() {
  local name=$1 node voters=() each in_sync=$((brokers == 1 ? 1 : 2))
  node=$(node_of "$name")
  for each in $(broker_names); do
    voters+=("$(node_of "$each")@127.0.0.1:$(port "$each-controller")")
  done
  cat >"$var/kafka/$node/server.properties" <<END
process.roles=broker,controller
node.id=$node
controller.quorum.voters=$(IFS=,; printf '%s' "${voters[*]}")
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listeners=PLAINTEXT://127.0.0.1:$(port "$name"),CONTROLLER://127.0.0.1:$(port "$name-controller")
advertised.listeners=PLAINTEXT://127.0.0.1:$(port "$name")
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$var/kafka/$node/data

# Topics are created by the contexts' "topics apply", never by a typing error.
auto.create.topics.enable=false
default.replication.factor=$brokers
min.insync.replicas=$in_sync
offsets.topic.replication.factor=$brokers
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=$brokers
transaction.state.log.min.isr=$in_sync
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=$brokers
share.coordinator.state.topic.min.isr=$in_sync
share.coordinator.state.topic.num.partitions=4

# After a kill -9 a broker is let in again when its old session is over: 9 s by default. Shorter than
# this, and one that merely has no processor for a while is shut out: a commit that it is making then
# is called complete without its markers (4.3.1).
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=500
# A consumer group of one has nobody to wait for.
group.initial.rebalance.delay.ms=0
# 128 MB by default, a third of this broker's heap.
log.cleaner.dedupe.buffer.size=16777216
END
}

# prepare_kafka NAME formats that broker's folder unless it has been.
prepare_kafka() {
  local name=$1 node dirs log
  # All folders at once, because their number says how many brokers the data belongs to.
  mapfile -t dirs < <(seq -f "$var/kafka/%g" "$brokers")
  mkdir -p "${dirs[@]}"
  node=$(node_of "$name") log=$(log_of "$name")
  write_server_properties "$name"
  [[ -f $var/kafka/$node/data/meta.properties ]] && return
  local java_args
  mapfile -t java_args < <(kafka_java)
  "$java" "${java_args[@]}" -XX:TieredStopAtLevel=1 kafka.tools.StorageTool format \
    --ignore-formatted -t "$(kafka_cluster_id)" -c "$var/kafka/$node/server.properties" \
    </dev/null >>"$log" 2>&1 9>&- ||
    die_of "$name" "$name: its folder $var/kafka/$node could not be formatted."
}

start_kafka() {
  local name=$1 java_args
  mapfile -t java_args < <(kafka_java)
  spawn "$name" "$java" "-Djava.io.tmpdir=$(fresh_tmp "$name")" "${java_args[@]}" \
    kafka.Kafka "$var/kafka/$(node_of "$name")/server.properties"
}

# ready_kafka NAME asks that broker for the cluster's metadata and looks for the broker itself
# in the answer. An open port is not enough: the broker accepts connections before the controller
# has let it in, and until then it serves nobody. In bash, because a Java client takes a second.
ready_kafka() {
  local node host number answer
  node=$(node_of "$1") number=$(port "$1")
  host=$(printf '127.0.0.1' | od -An -tx1 | tr -d ' \n')
  # Metadata, version 1, correlation 1, no client id, no topics.
  answer=$({
    exec 3<>"/dev/tcp/127.0.0.1/$number"
    printf '\0\0\0\x0e\0\x03\0\x01\0\0\0\x01\xff\xff\0\0\0\0' >&3
    length=$(timeout 2 head -c 4 <&3 | od -An -tu4 --endian=big)
    timeout 2 head -c "$((length))" <&3 | od -An -v -tx1 | tr -d ' \n'
  } 2>/dev/null) || return 1
  # A broker in the answer: node id, length of the host's name, the name, the port.
  [[ $answer == *"$(printf '%08x0009%s%08x' "$node" "$host" "$number")"* ]]
}
