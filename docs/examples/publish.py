#!/usr/bin/env python3
"""Publishes a frame for each kind of route, as a service in Python does it. Needs redis-py 5 or newer.

    REDIS_URL=redis://127.0.0.1:6379 python3 publish.py acme ana sales [session]

Where the bridges have a BRIDGE_CHANNEL_PREFIX, give it the same in the environment.

With a session, the answer of an AI chat streams to it, token by token. With `--history` each frame of it is also appended to the
session's history, for a route whose channel is `ai:stream:{{session}}` and whose history's key is `ai:history:{{session}}`. On a Redis Cluster (`--cluster`) frames go
out with SPUBLISH, which is all that the bridge hears there.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import quote

import redis

# Sends a text to a channel, and returns how many bridges heard it.
Send = Callable[[str, str], int]

# Keeps a text in a key, then sends it to a channel, and returns how many bridges heard it.
Keep = Callable[[str, str, str], int]

# So long a dashboard that nothing is published for shows what it showed last.
STATE_SECONDS = 86_400


# The latest frames of an answer that are kept at least, and how long after the last of them.
HISTORY_FRAMES = 1000
HISTORY_SECONDS = 600
APPEND_AND_PUBLISH = Path(__file__).with_name("append-and-publish.lua")


def appending(client: redis.Redis | redis.RedisCluster, verb: str) -> Keep:
    """Appends to the history in a key and publishes, in one step."""
    script = APPEND_AND_PUBLISH.read_text(encoding="utf-8")

    def append(key: str, channel: str, text: str) -> int:
        return client.eval(script, 1, key, verb, channel, text, HISTORY_FRAMES, HISTORY_SECONDS)

    return append


def connect(url: str, cluster: bool) -> tuple[Send, Keep, Keep]:
    """PUBLISH on one server or the master of sentinels, SPUBLISH on a cluster."""
    if cluster:
        nodes = redis.RedisCluster.from_url(url)

        def keep_first(key: str, channel: str, text: str) -> int:
            # The two are at different masters: the state is there before anybody hears of it.
            nodes.set(key, text, ex=STATE_SECONDS)
            return nodes.spublish(channel, text)

        return nodes.spublish, keep_first, appending(nodes, "SPUBLISH")
    server = redis.Redis.from_url(url)

    def keep_at_once(key: str, channel: str, text: str) -> int:
        step = server.pipeline(transaction=True)
        step.set(key, text, ex=STATE_SECONDS)
        step.publish(channel, text)
        return step.execute()[-1]

    return server.publish, keep_at_once, appending(server, "PUBLISH")


def escape(value: str) -> str:
    """Escapes a value as the bridge escapes it in a channel name (PROTOCOL.md, section 2)."""
    return quote(value, safe="")


# The bridges put this before every name in Redis (PROTOCOL.md, section 8).
PREFIX = os.environ.get("BRIDGE_CHANNEL_PREFIX", "")


def text_of(frame: dict) -> str:
    """A frame's text; no `type` of a service begins with `bridge.`."""
    return json.dumps(frame, ensure_ascii=False, separators=(",", ":"))


def publish(send: Send, channel: list[str], frame: dict) -> None:
    """Publishes a frame."""
    name = PREFIX + ":".join(channel)
    # 0 says that nobody is connected, which is no fault.
    heard = send(name, text_of(frame))
    print(f"{name}: {heard}")


def refresh(keep: Keep, tenant: str, dashboard: str, figures: dict) -> None:
    """Publishes the figures of a dashboard, and keeps them for who opens it later (PROTOCOL.md, section 3)."""
    names = [PREFIX + ":".join([escape(tenant), "dashboard", kind, escape(dashboard)]) for kind in ("state", "refresh")]
    heard = keep(*names, text_of({"type": "refresh", "data": figures}))
    print(f"{names[1]}: {heard}")


def with_history(append: Keep, session: str) -> Send:
    """Sends to a session's stream by way of its history. The braces put both names into one slot of a cluster."""
    key = f"{PREFIX}ai:history:{{{session}}}"
    return lambda _, text: append(key, f"{PREFIX}ai:stream:{{{session}}}", text)


def answer(send: Send, session: str, tokens: Iterable[str], complete: dict, pause_seconds: float = 0.02) -> None:
    """Streams an answer to a chat: its tokens as they come, then what they led to."""
    # A session is made of characters that need no escape.
    channel = ["ai", "stream", session]
    for index, token in enumerate(tokens):
        publish(send, channel, {"type": "token", "data": {"token": token, "index": index}})
        time.sleep(pause_seconds)
    publish(send, channel, {"type": "complete", "data": complete})


def main(send: Send, keep: Keep, append: Keep | None, tenant: str, user: str, dashboard: str, session: str | None) -> None:
    everyone = [escape(tenant), "notifications"]
    publish(send, everyone, {"type": "notification", "data": {"text": "The import is done", "to": "everyone"}})
    publish(send, [*everyone, escape(user)], {"type": "notification", "data": {"text": "Your report is ready", "to": "user"}})
    refresh(
        keep,
        tenant,
        dashboard,
        {
            "ordersPerMinute": [90, 110, 130],
            "revenueByRegion": [{"region": "North", "revenue": 1.7}, {"region": "East", "revenue": 1.1}],
        },
    )
    if session is not None:
        tokens = ["Revenue", " is", " highest", " in", " the", " North", "."]
        sql = "SELECT region, SUM(revenue) FROM orders GROUP BY region"
        stream = send if append is None else with_history(append, session)
        answer(stream, session, tokens, {"sql": sql, "chartConfig": {"type": "bar", "x": "region", "y": "revenue"}})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tenant")
    parser.add_argument("user")
    parser.add_argument("dashboard")
    parser.add_argument("session", nargs="?")
    parser.add_argument("--cluster", action="store_true", help="REDIS_URL is a node of a Redis Cluster")
    parser.add_argument("--history", action="store_true", help="the answer is appended to the session's history")
    given = parser.parse_args()
    send, keep, append = connect(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"), given.cluster)
    main(send, keep, append if given.history else None, given.tenant, given.user, given.dashboard, given.session)
