"""What both client programs share: how they report, and how binary is shown."""

import json


def show(value):
    if isinstance(value, (bytes, bytearray)):
        return "hex:" + bytes(value).hex()
    if isinstance(value, (list, tuple)):
        return [show(v) for v in value]
    if isinstance(value, dict):
        return {k: show(v) for k, v in value.items()}
    return value


def report(name, result=None, error=None):
    line = {"name": name}
    if error is None:
        line["result"] = show(result)
    else:
        line["error"] = f"{type(error).__name__}: {error}"
    print(json.dumps(line), flush=True)


TRANSPORTS = {"polling": ["polling"], "websocket": ["websocket"], "upgrade": None}
BURST = 200

# What a server sees when a client disconnects: over WebSocket the client closes the connection without waiting
# for its own disconnect packet to be written.
LEFT = ["client namespace disconnect", "transport close"]
