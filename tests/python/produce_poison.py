"""Puts one message on a topic that nobody can read, as a plain producer of another team might.

Usage: produce_poison.py BOOTSTRAP TOPIC KEY. Prints {"partition": ..., "offset": ...}.
"""

import json
import sys

from confluent_kafka import Producer

bootstrap, topic, key = sys.argv[1:]
done = {}


def delivered(error, message):
    if error is not None:
        sys.exit(f"not delivered: {error}")
    done.update(partition=message.partition(), offset=message.offset())


producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random"})
producer.produce(topic, key=key, value=b"this is no Avro", on_delivery=delivered)
if producer.flush(30) > 0:
    sys.exit("not delivered within 30 seconds")
print(json.dumps(done))
