"""Reads every event of a topic with Confluent's own client, registry client and Avro deserializer,
none of which has ever seen this project's code.

Usage: read_events.py BOOTSTRAP REGISTRY TOPIC. Prints
{"events": [{"key", "partition", "offset", "headers", "value"}], "failed": [{"key", "cause"}]}.
"""

import json
import sys

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

bootstrap, registry, topic = sys.argv[1:]
deserialize = AvroDeserializer(SchemaRegistryClient({"url": registry}))
consumer = Consumer(
    {
        "bootstrap.servers": bootstrap,
        "group.id": "foreign-client",
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
    }
)
partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
open_partitions, events, failed = set(partitions), [], []
while open_partitions:
    message = consumer.poll(30)
    if message is None:
        sys.exit(f"partitions {sorted(open_partitions)} did not come to their end in 30 seconds")
    if message.error():
        # The only one expected here: the end of a partition.
        open_partitions.discard(message.partition())
        continue
    key = (message.key() or b"").decode()
    try:
        value = deserialize(message.value(), SerializationContext(topic, MessageField.VALUE))
    except Exception as error:  # noqa: BLE001: whatever it is, the test wants to know
        failed.append({"key": key, "cause": str(error)})
        continue
    events.append(
        {
            "key": key,
            "partition": message.partition(),
            "offset": message.offset(),
            "headers": {name: text.decode() for name, text in message.headers() or []},
            "value": value,
        }
    )
consumer.close()
print(json.dumps({"events": events, "failed": failed}, default=str))
