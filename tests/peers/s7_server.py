"""An S7 server of python-snap7: the C library with version 2, the one in Python with version 3.

Prints its port and answers until its standard input ends.
"""

import ctypes
import importlib.metadata
import os
import socket
import struct
import sys

from snap7.server import Server

# The names of the areas moved between the versions.
try:
    from snap7.type import SrvArea
except ImportError:
    from snap7 import SrvArea

# DB1 and DB2 hold what the end-to-end suite of python-snap7 3 expects (tests/real_plc/support.py of its source).
CANON = struct.pack(
    ">hhffBBHHIIii2sB",
    *(10, 255, 123.45, 543.21, 0x0F, 0xF0, 0xABCD, 0x1234, 0x12345678, 0x89ABCDEF, 2147483647, 42, b"F-", 0x01),
)
AREA_BYTES = 256
LONGEST_DB_BYTES = 65535
ATTEMPTS = 20


def areas():
    yield SrvArea.DB, 1, CANON
    yield SrvArea.DB, 2, CANON
    yield SrvArea.DB, 3, bytes(AREA_BYTES)
    yield SrvArea.DB, 9, bytes(LONGEST_DB_BYTES)
    for area in (SrvArea.PE, SrvArea.PA, SrvArea.MK, SrvArea.TM, SrvArea.CT):
        yield area, 0, bytes(AREA_BYTES)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def started():
    """Starts a server; one in C tells no port of the system's choice, so a free one is chosen here and may be gone."""
    for _ in range(ATTEMPTS):
        server = Server(log=False)
        for area, index, content in areas():
            memory = (ctypes.c_char * len(content)).from_buffer_copy(content)
            server.register_area(area, index, memory)
            MEMORY.append(memory)
        port = free_port()
        try:
            if hasattr(server, "start_to"):
                server.start_to("127.0.0.1", port)
            else:
                server.start(port)
        except Exception:
            continue
        return server, port
    sys.exit("no free port")


MEMORY = []
SERVER, PORT = started()
VERSION = importlib.metadata.version("python-snap7")
print(PORT, f"in the wheel of python-snap7 {VERSION}" if VERSION.startswith("2.") else VERSION, flush=True)
sys.stdin.buffer.read()
os._exit(0)
