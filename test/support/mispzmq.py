"""MISP's publisher as far as a subscriber can tell it from the real one: a Redis list per topic, drained into a PUB socket.

Started in the place of the real script: <X>/mispzmq/mispzmq.py, with its settings in <X>/tmp/mispzmq_settings.json. It binds,
waits for a second, and drains the lists in a fixed order, publications first; `reload` binds a new socket and does not wait.
"""

import json
import sys
import time
from pathlib import Path

import redis
import zmq

TOPICS = (
    "misp_json misp_json_event misp_json_attribute misp_json_sighting misp_json_organisation misp_json_user "
    "misp_json_conversation misp_json_object misp_json_object_reference misp_json_audit misp_json_tag "
    "misp_json_warninglist misp_json_workflow"
).split()


def bind(settings):
    socket = zmq.Context().socket(zmq.PUB)
    socket.bind(f"tcp://{settings['host']}:{settings['port']}")
    return socket


def main():
    settings = json.loads((Path(__file__).parent.parent / "tmp" / "mispzmq_settings.json").read_text())
    queue = redis.StrictRedis(
        host=settings["redis_host"], port=settings["redis_port"], db=settings["redis_database"], socket_timeout=None
    )
    namespace = settings["redis_namespace"]
    keys = [f"{namespace}:command"] + [f"{namespace}:data:{topic}" for topic in TOPICS]
    started = time.time()
    socket = bind(settings)
    time.sleep(1)
    while True:
        entry = queue.blpop(keys, timeout=10)
        if entry is None:
            status = {"status": "And believe me I am still alive.", "uptime": int(time.time() - started)}
            socket.send(b"misp_json_self " + json.dumps(status).encode())
            continue
        key, value = entry
        name = key.decode()[len(namespace) + 1 :]
        if name != "command":
            socket.send(name[len("data:") :].encode() + b" " + value)
        elif value == b"kill":
            sys.exit()
        elif value == b"reload":
            socket = None  # the last name of the old socket and its context, which gives the port back
            socket = bind(settings)


main()
