"""A service manager's end of sd_notify(3): prints each message as a JSON list of its assignments."""
import array
import json
import os
import socket
import sys

with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
    receiver.bind(sys.argv[1])
    print("[]", flush=True)  # it listens
    while True:
        data, ancillary, _, _ = receiver.recvmsg(65536, socket.CMSG_SPACE(16))
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                descriptors = array.array("i")
                descriptors.frombytes(content[: len(content) - len(content) % descriptors.itemsize])
                for descriptor in descriptors:
                    os.close(descriptor)  # that is the answer to BARRIER=1
        print(json.dumps(data.decode().split("\n")), flush=True)
