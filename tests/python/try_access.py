"""Tries on a secured broker what each user may do: make topics, write to each, read each, and publish
under another's transactional id.

Usage: try_access.py FILE, with {"bootstrap": ..., "users": {NAME: PASSWORD}, "topics": {TOPIC: OWNER}}. Prints
{"makes": {USER: [TOPIC, ...]}, "writes": ..., "reads": ..., "fences": {USER: [OTHER, ...]}, "stranger_is_refused": BOOL}.
"""

import json
import pathlib
import sys
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

given = json.loads(pathlib.Path(sys.argv[1]).read_text())
users, topics = given["users"], given["topics"]
DENIED = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
}
LIMIT_S = 60


def settings(user, **more):
    return {
        "bootstrap.servers": given["bootstrap"],
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": user,
        "sasl.password": users.get(user, "guessed"),
        "allow.auto.create.topics": False,
        "log_level": 0,
        **more,
    }


def allowed(error):
    """Whether it went well; any failure but a refusal ends the program."""
    if error is None or error.code() == KafkaError.TOPIC_ALREADY_EXISTS:
        return True
    if error.code() in DENIED:
        return False
    raise KafkaException(error)


def may_make(user, topic):
    admin = AdminClient(settings(user))
    made = admin.create_topics([NewTopic(topic, 1, 1)], operation_timeout=LIMIT_S)[topic]
    return allowed(made.exception() and made.exception().args[0])


def may_write(user, topic):
    outcome = []
    producer = Producer(settings(user, **{"message.timeout.ms": LIMIT_S * 1000}))
    producer.produce(topic, b"tried", partition=0, on_delivery=lambda error, _: outcome.append(error))
    producer.flush(LIMIT_S)
    return allowed(outcome[0])


def may_read(user, topic):
    consumer = Consumer(settings(user, **{"group.id": user, "enable.partition.eof": True}))
    # Of a topic that it may not see, a consumer is told nothing else.
    if not allowed(consumer.list_topics(topic, timeout=LIMIT_S).topics[topic].error):
        consumer.close()
        return False
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    message = consumer.poll(LIMIT_S)
    consumer.close()
    error = message.error()
    return allowed(None if error and error.code() == KafkaError._PARTITION_EOF else error)


def may_fence(user, other):
    producer = Producer(settings(user, **{"transactional.id": f"{other}-relay-0"}))
    try:
        producer.init_transactions(LIMIT_S)
    except KafkaException as refused:
        return allowed(refused.args[0])
    return True


def stranger():
    causes = []
    admin = AdminClient(settings("nobody", error_cb=lambda error: causes.append(error.name())))
    try:
        admin.list_topics(timeout=5)
    except KafkaException:
        until = time.monotonic() + LIMIT_S
        while "_AUTHENTICATION" not in causes and time.monotonic() < until:
            admin.poll(1)
    return "_AUTHENTICATION" in causes


makes = {user: [topic for topic in topics if may_make(user, topic)] for user in users}
found = {
    "makes": makes,
    "writes": {user: [topic for topic in topics if may_write(user, topic)] for user in users},
    "reads": {user: [topic for topic in topics if may_read(user, topic)] for user in users},
    "fences": {user: [other for other in users if may_fence(user, other)] for user in users},
    "stranger_is_refused": stranger(),
}
print(json.dumps(found))
