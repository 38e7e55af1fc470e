//! The inbox with a lake in a temporary folder, a registry and a cluster of its own, and no Kafka.
