"""Drives socketio.Client (requests, websocket-client) through every scenario over one kind of connection and
prints one JSON line for each. Arguments: base URL, mode (polling, websocket or upgrade), URL that cuts every
connection of the proxy in front of the server, serializer (optional)."""

import os
import queue
import sys
import threading
import urllib.request

import socketio

from scenarios import BURST, LEFT, TRANSPORTS, report

url, mode, cut_url, serializer = (sys.argv[1:] + ["default"])[:4]
WAIT = 20
opened = []


def client(**options):
    c = socketio.Client(reconnection=options.pop("reconnection", False), request_timeout=WAIT, handle_sigint=False, serializer=serializer, **options)
    opened.append(c)
    return c


def connect(c=None, namespaces=("/",), **options):
    c = c or client()
    c.connect(url, transports=TRANSPORTS[mode], namespaces=list(namespaces), wait_timeout=WAIT, **options)
    return c


def collect(c, event, namespace="/"):
    """Returns a queue of the event's arguments."""
    q = queue.Queue()
    c.on(event, lambda *args: q.put(args), namespace=namespace)
    return q


def take(q, n=1):
    got = [q.get(timeout=WAIT) for _ in range(n)]
    return got[0] if n == 1 else got


def witness():
    return connect()


def reason_of(w, sid):
    return w.call("reason-of", sid, timeout=WAIT)


def transport():
    c = connect()
    want = "polling" if mode == "polling" else "websocket"
    return [c.transport() == want, c.call("handshake", timeout=WAIT)["transport"] == want]


def text():
    c = connect()
    q = collect(c, "message-back")
    c.emit("message", (1, "2", {"3": [True, None, -0.5]}, "€ \U0001F41F"))
    return take(q)


def no_arguments():
    c = connect()
    q = collect(c, "message-back")
    c.emit("message")
    return take(q)


def binary():
    c = connect()
    q = collect(c, "message-back")
    c.emit("message", ({"a": [b"\x01\x02", {"b": b"\x03"}]}, b""))
    return take(q)


def ack_from_server():
    c = connect()
    return [c.call("message-with-ack", (1, "two", {"three": [3]}), timeout=WAIT), c.call("message-with-ack", timeout=WAIT)]


def binary_ack_from_server():
    c = connect()
    return c.call("message-with-ack", (b"\x01", {"deep": [b"\x02"]}), timeout=WAIT)


def ack_to_server():
    c = client()
    c.on("question", lambda q: ("answer to " + q, b"\x09"))
    q = collect(c, "call-result")
    connect(c)
    c.emit("call-me", ("question", "why"))
    return take(q)


def ack_timeout():
    c = connect()
    try:
        c.call("nobody handles this", timeout=0.2)
    except socketio.exceptions.TimeoutError:
        return "timeout"


def namespaces():
    c = client()
    q = collect(c, "message-back", "/custom")
    a = collect(c, "auth", "/other")
    connect(c, namespaces=["/", "/custom", "/other"])
    c.emit("message", b"\x01", namespace="/custom")
    return [take(q), take(a), c.call("message-with-ack", 1, namespace="/other", timeout=WAIT), len(set(c.namespaces.values()))]


def auth():
    c = client()
    q = collect(c, "auth")
    connect(c, auth={"token": "t", "n": [1]})
    return take(q)


def refused():
    c = client()
    q = collect(c, "connect_error", "/auth")
    try:
        connect(c, namespaces=["/auth"], auth={"token": "wrong"})
    except socketio.exceptions.ConnectionError as err:
        failed = str(err)
    accepted = connect(namespaces=["/auth"], auth={"token": "secret"})
    return [failed, take(q), "/auth" in accepted.namespaces]


def unknown_namespace():
    c = client()
    q = collect(c, "connect_error", "/nowhere")
    try:
        connect(c, namespaces=["/nowhere"])
    except socketio.exceptions.ConnectionError as err:
        return [str(err), take(q)]


def disconnect_by_client():
    c, w = connect(), witness()
    sid = c.get_sid()
    q = collect(c, "disconnect")
    c.eio.queue.join()  # with a POST under way it would leave without a word
    c.disconnect()
    return [take(q), reason_of(w, sid) in LEFT]


def disconnect_by_server():
    c, w = client(), witness()
    q = collect(c, "disconnect", "/custom")
    connect(c, namespaces=["/", "/custom"])
    sid = c.get_sid("/custom")
    c.emit("disconnect-me", False, namespace="/custom")
    return [take(q), reason_of(w, sid), c.call("message-with-ack", "alive", timeout=WAIT)]


def closed_by_server():
    c, w = client(), witness()
    q = collect(c, "disconnect")
    connect(c)
    sid = c.get_sid()
    c.emit("disconnect-me", True)
    return [take(q), reason_of(w, sid)]


def burst_to_server():
    c = connect()
    q = collect(c, "message-back")
    for i in range(BURST):
        c.emit("message", i)
    got = take(q, BURST)
    return [sorted(n for (n,) in got) == list(range(BURST)), c.call("message-with-ack", "alive", timeout=WAIT)]


def burst_from_server():
    c = connect()
    q = collect(c, "burst")
    c.emit("burst", BURST)
    got = take(q, BURST)
    return [sorted(n for (n,) in got) == list(range(BURST)), c.call("message-with-ack", "alive", timeout=WAIT)]


def burst_of_binary_from_server():
    c = connect()
    q = collect(c, "blob")
    sid = c.get_sid()
    for i in range(40):
        c.emit("in", (sid, "blob", i, bytes([i])))
    got = take(q, 40)
    return sorted(n for n, blob in got if blob == bytes([n])) == list(range(40))


def large():
    c = connect()
    # with msgpack both are binary packets, which are base64 over polling
    words, blob = "x" * (900_000 if serializer == "default" else 700_000), b"\x07" * 700_000
    return [c.call("message-with-ack", words, timeout=WAIT) == words, c.call("message-with-ack", blob, timeout=WAIT) == blob]


def broadcast_mixed():
    """A binary broadcast reaches this client and one on the other transport alike."""
    c = connect()
    other = client()
    other.connect(url, transports=["websocket" if mode == "polling" else "polling"], wait_timeout=WAIT)
    queues = [collect(c, "blob"), collect(other, "blob")]
    room = "mixed-" + mode
    for member in (c, other):
        member.call("join", room, timeout=WAIT)
    c.emit("in", (room, "blob", b"\x01\x02"))
    return [take(q) for q in queues]


def reconnect():
    c = client(reconnection=True, reconnection_delay=0.05, randomization_factor=0)
    gone, back = collect(c, "disconnect"), collect(c, "connect")
    connect(c)
    take(back)
    before = c.get_sid()
    stop = threading.Event()

    def cut():
        while not stop.wait(0.1):
            urllib.request.urlopen(cut_url).read()

    t = threading.Thread(target=cut, daemon=True)
    t.start()
    (reason,) = take(gone)
    stop.set()
    t.join()
    take(back)
    return [reason, c.get_sid() != before, c.call("message-with-ack", "again", timeout=WAIT)]


SCENARIOS = {
    "transport": transport,
    "text": text,
    "no arguments": no_arguments,
    "binary": binary,
    "ack from the server": ack_from_server,
    "binary ack from the server": binary_ack_from_server,
    "ack to the server": ack_to_server,
    "ack timeout at the client": ack_timeout,
    "namespaces": namespaces,
    "auth": auth,
    "refused by middleware": refused,
    "unknown namespace": unknown_namespace,
    "disconnect by the client": disconnect_by_client,
    "disconnect of one namespace by the server": disconnect_by_server,
    "disconnect of the connection by the server": closed_by_server,
    "a burst to the server arrives to the last": burst_to_server,
    "a burst from the server arrives to the last": burst_from_server,
    "a burst of binary from the server arrives to the last": burst_of_binary_from_server,
    "a message near the limit": large,
    "a binary broadcast to both transports": broadcast_mixed,
    "reconnect after the transport is lost": reconnect,
}

for name, run in SCENARIOS.items():
    try:
        report(name, run())
    except Exception as err:  # one scenario's failure is reported, and the next one runs
        report(name, error=err)
    for c in opened:
        if c.connected:
            c.disconnect()
        c.shutdown()
    opened.clear()
sys.stdout.flush()
os._exit(0)  # threads of clients that failed must not hold the process
