"""A consumer as another team might write it: `python -m services.demo.plain_consumer SERVERS TOPIC`.

It knows aiokafka and the contract, and nothing of the service. Each message, from the topic's beginning on, is a line
of JSON on standard output; it ends when it is told to.
"""

import asyncio
import json
import sys

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaConnectionError

# So that a broker that was frozen, or died, is noticed, and so is its return.
_REQUEST_MS = 5_000
_METADATA_MS = 5_000
_RETRY_SECONDS = 0.25


async def started(servers: str, topic: str) -> AIOKafkaConsumer:
    """A consumer that is connected; a broker that is away is waited for."""
    while True:
        consumer = AIOKafkaConsumer(
            topic,
            bootstrap_servers=servers,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            request_timeout_ms=_REQUEST_MS,
            metadata_max_age_ms=_METADATA_MS,
        )
        try:
            await consumer.start()
        except KafkaConnectionError:
            await consumer.stop()
            await asyncio.sleep(_RETRY_SECONDS)
        else:
            return consumer


async def consume(servers: str, topic: str) -> None:
    """For ever."""
    consumer = await started(servers, topic)
    try:
        async for message in consumer:
            headers = {name: value.decode() for name, value in message.headers}
            heard = {
                "partition": message.partition,
                "offset": message.offset,
                "key": message.key.decode(),
                "headers": headers,
                "value": message.value.decode(),
            }
            print(json.dumps(heard), flush=True)
    finally:
        await consumer.stop()


if __name__ == "__main__":
    asyncio.run(consume(*sys.argv[1:3]))
