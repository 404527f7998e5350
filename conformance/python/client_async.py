"""Drives socketio.AsyncClient (aiohttp) through the scenarios of client_sync.py that asyncio may do otherwise.
Arguments as there."""

import asyncio
import os
import sys
import urllib.request

import socketio

from scenarios import BURST, LEFT, TRANSPORTS, report

url, mode, cut_url, serializer = (sys.argv[1:] + ["default"])[:4]
WAIT = 20
opened = []


def client(**options):
    c = socketio.AsyncClient(reconnection=options.pop("reconnection", False), request_timeout=WAIT, handle_sigint=False, serializer=serializer, **options)
    opened.append(c)
    return c


async def connect(c=None, namespaces=("/",), **options):
    c = c or client()
    await c.connect(url, transports=TRANSPORTS[mode], namespaces=list(namespaces), wait_timeout=WAIT, **options)
    return c


def collect(c, event, namespace="/"):
    q = asyncio.Queue()
    c.on(event, lambda *args: q.put_nowait(args), namespace=namespace)
    return q


async def take(q, n=1):
    got = [await asyncio.wait_for(q.get(), WAIT) for _ in range(n)]
    return got[0] if n == 1 else got


async def transport():
    c = await connect()
    want = "polling" if mode == "polling" else "websocket"
    return [c.transport() == want, (await c.call("handshake", timeout=WAIT))["transport"] == want]


async def text_and_binary():
    c = await connect()
    q = collect(c, "message-back")
    await c.emit("message", (1, {"a": [b"\x01\x02"]}, "€ \U0001F41F", b""))
    return await take(q)


async def acks():
    c = client()

    async def answer(q):
        return "answer to " + q, b"\x09"

    c.on("question", answer)
    q = collect(c, "call-result")
    await connect(c)
    reply = await c.call("message-with-ack", (1, b"\x02"), timeout=WAIT)
    await c.emit("call-me", ("question", "why"))
    return [reply, await take(q)]


async def namespaces():
    c = client()
    q = collect(c, "auth", "/custom")
    await connect(c, namespaces=["/", "/custom"], auth={"token": "t"})
    return [await take(q), await c.call("message-with-ack", 1, namespace="/custom", timeout=WAIT)]


async def refused():
    c = client()
    q = collect(c, "connect_error", "/auth")
    try:
        await connect(c, namespaces=["/auth"], auth={"token": "wrong"})
    except socketio.exceptions.ConnectionError as err:
        return [str(err), await take(q)]


async def disconnects():
    witness = await connect()
    reasons = []
    for how in ("client", "namespace", "connection"):
        c = client()
        q = collect(c, "disconnect")
        await connect(c)
        sid = c.get_sid()
        if how == "client":
            await c.eio.queue.join()  # with a POST under way it would leave without a word
            await c.disconnect()
        else:
            await c.emit("disconnect-me", how == "connection")
        (reason,) = await take(q)
        known = LEFT if how == "client" else ["server namespace disconnect"]
        reasons.append([reason, await witness.call("reason-of", sid, timeout=WAIT) in known])
    return reasons


async def bursts():
    c = await connect()
    back, burst = collect(c, "message-back"), collect(c, "burst")
    for i in range(BURST):
        await c.emit("message", i)
    await c.emit("burst", BURST)
    return [sorted(n for (n,) in await take(q, BURST)) == list(range(BURST)) for q in (back, burst)]


async def large():
    c = await connect()
    # with msgpack both are binary packets, which are base64 over polling
    words, blob = "x" * (900_000 if serializer == "default" else 700_000), b"\x07" * 700_000
    return [await c.call("message-with-ack", words, timeout=WAIT) == words, await c.call("message-with-ack", blob, timeout=WAIT) == blob]


async def reconnect():
    c = client(reconnection=True, reconnection_delay=0.05, randomization_factor=0)
    gone, back = collect(c, "disconnect"), collect(c, "connect")
    await connect(c)
    await take(back)
    before = c.get_sid()

    async def cut():
        while True:
            await asyncio.sleep(0.1)
            await asyncio.to_thread(lambda: urllib.request.urlopen(cut_url).read())

    cutting = asyncio.create_task(cut())
    (reason,) = await take(gone)
    cutting.cancel()
    await take(back)
    return [reason, c.get_sid() != before, await c.call("message-with-ack", "again", timeout=WAIT)]


SCENARIOS = {
    "transport": transport,
    "text and binary": text_and_binary,
    "acks both ways": acks,
    "namespaces": namespaces,
    "refused by middleware": refused,
    "disconnects": disconnects,
    "bursts both ways arrive to the last": bursts,
    "a message near the limit": large,
    "reconnect after the transport is lost": reconnect,
}


async def main():
    for name, run in SCENARIOS.items():
        try:
            report(name, await run())
        except Exception as err:  # one scenario's failure is reported, and the next one runs
            report(name, error=err)
        for c in opened:
            if c.connected:
                await c.disconnect()
            await c.shutdown()
        opened.clear()
    sys.stdout.flush()
    os._exit(0)  # tasks of clients that failed must not hold the process


asyncio.run(main())
