"""Reads every event of a topic as a program that was built from one version of its schema and knows no
other: the registry resolves each message to that version.

Usage: read_as.py BOOTSTRAP REGISTRY TOPIC SCHEMA_FILE. Prints {"events": [EVENT, ...]}; whatever cannot be
read ends it with the cause.
"""

import json
import pathlib
import sys

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

bootstrap, registry, topic, file = sys.argv[1:]
schema = pathlib.Path(file).read_text()
deserialize = AvroDeserializer(SchemaRegistryClient({"url": registry}), schema)
consumer = Consumer(
    {
        "bootstrap.servers": bootstrap,
        "group.id": "reader-of-one-version",
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
    }
)
partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
unread, events = set(partitions), []
while unread:
    message = consumer.poll(30)
    if message is None:
        sys.exit("the topic did not come to its end in 30 seconds")
    if message.error():
        unread.discard(message.partition())
        continue
    events.append(deserialize(message.value(), SerializationContext(topic, MessageField.VALUE)))
consumer.close()
print(json.dumps({"events": events}, default=str))
