"""Where the saga hears of orders: the log itself, or Kafka. One contract: batches out, commit back."""
