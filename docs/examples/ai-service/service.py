"""Answers the commands of AI chats (PROTOCOL.md, section 3). Put your model into `answer`; the rest may stay.

    REDIS_URL=redis://127.0.0.1:6379 python3 -m uvicorn service:app

Needs Python 3.10, FastAPI, uvicorn, redis-py 4.3, and Redis 6.2 that is no cluster, or newer. Run several. Each command gets
one last frame, also when its process is killed: another then says `WORKER_LOST`, within about LEASE_SECONDS.
"""

import asyncio
import contextlib
import json
import os
import time
from collections import Counter
from collections.abc import AsyncIterator
from urllib.parse import quote

import redis.asyncio as redis
from fastapi import FastAPI, Response
from redis.exceptions import RedisError

PREFIX = os.environ.get("BRIDGE_CHANNEL_PREFIX", "")  # the same as the bridges have
STREAM, GROUP, CANCELS = PREFIX + "ai:commands", "python", f"{PREFIX}{{{PREFIX}ai:commands}}:.cancels:python"
ANSWERS_AT_ONCE, OF_ONE_TENANT, READ_AHEAD, DRAIN_SECONDS = 32, 8, 500, float(os.environ.get("DRAIN_SECONDS", "20"))
ANSWER_SECONDS, LEASE_SECONDS, BEAT_SECONDS, CANCEL_SECONDS, DAY_MS = 300, 5, 0.4, 60, 86_400_000

# A record says who has an answer, or that it ended. KEYS: record, stream. ARGV: me, group, entry, channel, frame.
# Returns 1 where the answer begins now, 2 where the one who had begun it is dead, 0 where it has ended.
BEGIN = """local had = redis.call('GET', KEYS[1])
if had == 'ended' then redis.call('XACK', KEYS[2], ARGV[2], ARGV[3]) return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', %d) return had and 2 or 1""" % DAY_MS
# A frame goes out only from the one who has the answer, and the last one once.
PART = "return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('PUBLISH', ARGV[2], ARGV[3]) or {err = 'LOST'}"
END = """if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], 'ended', 'PX', %d) redis.call('PUBLISH', ARGV[4], ARGV[5])
return redis.call('XACK', KEYS[2], ARGV[2], ARGV[3])""" % DAY_MS


async def answer(command: dict) -> AsyncIterator[dict]:
    """The model. It yields frames. The `complete` that it may yield is the last one."""
    for word in f"You asked: {json.dumps(command['data'], ensure_ascii=False)}".split():
        await asyncio.sleep(float(os.environ.get("SECONDS_A_TOKEN", "0.1")))
        yield {"type": "token", "data": {"token": word + " "}}


class Answer:
    def __init__(self, entry: str, fields: dict[str, str]) -> None:
        self.entry, self.tenant, self.session, self.id = entry, fields["tenant"], fields["session"], fields.get("id")
        self.command = {**fields, "data": json.loads(fields["data"])}
        self.channel = PREFIX + "ai:stream:" + quote(self.session, safe="")
        self.record = f"{PREFIX}ai:answer:{{{self.channel}}}:{GROUP}:{entry}"
        self.index, self.task, self.stopped, self.frame = 0, None, "", None

    def stop(self, why: str) -> None:  # never in the midst of a call to Redis, whose reply another would get
        self.stopped = self.stopped or why
        self.frame and self.frame.cancel()

    def text(self, frame: dict) -> str:
        data = {**frame["data"], **({"index": self.index} if frame["type"] == "token" else {})}
        self.index += frame["type"] == "token"
        named = {"type": frame["type"], **({} if self.id is None else {"id": self.id}), "data": data}
        return json.dumps(named, ensure_ascii=False, separators=(",", ":"))


class Worker:
    def __init__(self, server: redis.Redis) -> None:
        self.server, self.name, self.heard_at = server, f"{os.getpid()}-{time.time_ns()}", time.monotonic()
        self.held: dict[str, Answer] = {}  # what was read and has not ended, by its entry
        self.waiting: dict[str, list[Answer]] = {}  # by tenant, the one whose turn it is first
        self.running: Counter[str] = Counter()  # by tenant
        self.cancels_from, self.claims_from, self.is_stopping = "-inf", "0-0", False

    async def forever(self, step) -> None:
        while not (self.is_stopping and step == self.read):
            try:
                await step()
            except Exception as fault:
                print(f"worker: {fault!r}", flush=True)
                await asyncio.sleep(0.5)
                with contextlib.suppress(RedisError):
                    await self.server.xgroup_create(STREAM, GROUP, id="0", mkstream=True)

    async def read(self) -> None:
        if len(self.held) >= READ_AHEAD:
            return await asyncio.sleep(0.05)
        for _, entries in await self.server.xreadgroup(GROUP, self.name, {STREAM: ">"}, count=16, block=200):
            await self.take(entries)

    async def take(self, entries: list) -> None:
        for entry, fields in entries:
            try:
                one, kind = Answer(entry, fields), fields["type"]
            except (KeyError, TypeError, ValueError):  # no command of a bridge, or evicted meanwhile
                await self.server.xack(STREAM, GROUP, entry)
                continue
            if kind == "cancel":
                await self.tell_cancel(one)
            elif entry not in self.held:
                self.held[entry] = one
                self.waiting.setdefault(one.tenant, []).append(one)
        self.begin_next()

    async def beat(self) -> None:  # keeps what this worker has, takes over from dead ones, hears of cancels
        if self.is_late():
            for one in self.held.values():
                one.stop("LOST")
            self.held, self.waiting = {}, {}  # others may have them by now
        begun_at, me = time.monotonic(), (STREAM, GROUP, self.name)
        if self.held:
            await self.server.xclaim(*me, 0, list(self.held), justid=True)
        self.heard_at = begun_at
        if not self.is_stopping and len(self.held) < READ_AHEAD:
            dead = await self.server.xautoclaim(*me, LEASE_SECONDS * 1000, self.claims_from, count=64)
            self.claims_from, _ = dead[0], await self.take(dead[1])
        for told, self.cancels_from in await self.server.zrangebyscore(CANCELS, self.cancels_from, "+inf", withscores=True):
            for one in self.held.values():
                if [one.session, one.id] == json.loads(told):
                    one.stop("CANCELLED")
                    one.task or self.begin(one)  # its end waits for no turn
        await asyncio.sleep(BEAT_SECONDS)

    def is_late(self) -> bool:
        return time.monotonic() - self.heard_at > LEASE_SECONDS / 2

    async def tell_cancel(self, cancel: Answer) -> None:  # any process may have the answer, and reads this
        now, data = (await self.server.time())[0], cancel.command["data"]
        step = self.server.pipeline(transaction=True).zremrangebyscore(CANCELS, "-inf", now - CANCEL_SECONDS)
        if isinstance(data, dict) and isinstance(data.get("id"), str):
            step.zadd(CANCELS, {json.dumps([cancel.session, data["id"]]): now}).expire(CANCELS, CANCEL_SECONDS)
        await step.xack(STREAM, GROUP, cancel.entry).execute()

    def begin_next(self) -> None:  # one of each tenant in turn, and of no tenant more than its share
        while not self.is_stopping and self.running.total() < ANSWERS_AT_ONCE:
            if not (free := [name for name in self.waiting if self.running[name] < OF_ONE_TENANT]):
                return
            one, *rest = self.waiting.pop(free[0])
            rest and self.waiting.update({one.tenant: rest})  # behind the others
            one.task or self.begin(one)

    def begin(self, one: Answer) -> None:
        self.running[one.tenant] += 1
        one.task = asyncio.create_task(self.give(one))
        one.task.add_done_callback(lambda _: self.ended(one))

    def ended(self, one: Answer) -> None:
        self.held.pop(one.entry, None)
        self.running -= Counter([one.tenant])  # forgets tenants of which nothing runs
        self.begin_next()

    async def give(self, one: Answer) -> None:
        code, last, args = "FAILED", None, (2, one.record, STREAM, self.name, GROUP, one.entry)
        try:
            if not (begun := await self.server.eval(BEGIN, *args)):
                return
            code, last = ("WORKER_LOST", None) if begun == 2 else ("FAILED", await self.stream(one))
        except asyncio.TimeoutError:
            code = "TIMED_OUT"
        except asyncio.CancelledError:
            code = one.stopped or "FAILED"  # the model itself may be cancelled from within
        except Exception as fault:  # the client is shown nothing of it
            print(f"answer: {fault!r}", flush=True)
        text = one.text(last or {"type": "error", "data": {"code": code, "message": code.replace("_", " ").lower()}})
        while one.stopped != "LOST" and not self.is_late():
            with contextlib.suppress(RedisError):
                return await self.server.eval(END, *args, one.channel, text)
            await asyncio.sleep(0.2)

    async def stream(self, one: Answer) -> dict:
        frames, end_at = answer(one.command), time.monotonic() + ANSWER_SECONDS
        while not one.stopped:
            one.frame = asyncio.ensure_future(anext(frames, {"type": "complete", "data": {}}))
            frame = await asyncio.wait_for(one.frame, end_at - time.monotonic())
            if frame["type"] == "complete":
                return frame
            await self.server.eval(PART, 1, one.record, self.name, one.channel, one.text(frame))
        raise asyncio.CancelledError


@contextlib.asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    url, silent = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"), LEASE_SECONDS / 2  # a connection may die without a word
    app.state.worker = worker = Worker(redis.from_url(url, decode_responses=True, socket_timeout=silent))
    reading, beating = (asyncio.create_task(worker.forever(step)) for step in (worker.read, worker.beat))
    yield
    worker.is_stopping = True  # what was not begun is another's after the lease
    await reading
    for seconds in DRAIN_SECONDS, 5:
        await asyncio.wait({reading, *(one.task for one in worker.held.values() if one.task)}, timeout=seconds)
        [one.stop("STOPPED") for one in worker.held.values()]
    beating.cancel()


app = FastAPI()
app.router.lifespan_context = lifespan


@app.get("/readyz")
async def readyz(response: Response) -> dict:
    response.status_code = 503 if app.state.worker.is_late() else 200
    return {"held": len(app.state.worker.held), "running": app.state.worker.running.total()}
