"""Kafka: how it is reached, the topic, the sending of pages, and a broker without Docker."""
