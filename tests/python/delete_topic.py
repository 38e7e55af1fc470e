"""Deletes a topic and waits until the broker has forgotten it.

Usage: delete_topic.py BOOTSTRAP TOPIC. Prints {"deleted": TOPIC}.
"""

import json
import sys
import time

from confluent_kafka.admin import AdminClient

bootstrap, topic = sys.argv[1:]
admin = AdminClient({"bootstrap.servers": bootstrap})
admin.delete_topics([topic], operation_timeout=30)[topic].result()
until = time.monotonic() + 30
while topic in admin.list_topics(timeout=10).topics:
    if time.monotonic() > until:
        raise SystemExit(f"{topic} is still there")
    time.sleep(0.1)
print(json.dumps({"deleted": topic}))
