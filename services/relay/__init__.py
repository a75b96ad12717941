"""The role that passes the log's public events on to Kafka, for the saga's feed and for other teams."""
