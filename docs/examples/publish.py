#!/usr/bin/env python3
"""Publishes a frame for each kind of route, as a service in Python does it. Needs redis-py.

    REDIS_URL=redis://127.0.0.1:6379 python3 publish.py acme ana sales
"""

import json
import os
import sys
from urllib.parse import quote

import redis


def escape(value: str) -> str:
    """What the bridge does to each value in a channel name (PROTOCOL.md, section 2)."""
    return quote(value, safe="")


def publish(client: redis.Redis, channel: list[str], frame: dict) -> None:
    """Publishes a frame; no `type` of a service begins with `bridge.`."""
    text = json.dumps(frame, ensure_ascii=False, separators=(",", ":"))
    # How many bridges heard it; 0 says that nobody is connected, which is no fault.
    heard = client.publish(":".join(channel), text)
    print(f"{':'.join(channel)}: {heard}")


def main(tenant: str, user: str, dashboard: str) -> None:
    client = redis.Redis.from_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    everyone = [escape(tenant), "notifications"]
    publish(client, everyone, {"type": "notification", "data": {"text": "The import is done", "to": "everyone"}})
    publish(client, [*everyone, escape(user)], {"type": "notification", "data": {"text": "Your report is ready", "to": "user"}})
    publish(
        client,
        [escape(tenant), "dashboard", "refresh", escape(dashboard)],
        {
            "type": "refresh",
            "data": {
                "ordersPerMinute": [90, 110, 130],
                "revenueByRegion": [{"region": "North", "revenue": 1.7}, {"region": "East", "revenue": 1.1}],
            },
        },
    )


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
