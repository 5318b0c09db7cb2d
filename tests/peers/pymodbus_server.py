"""A Modbus server of pymodbus with four separate tables; prints its port and answers until its standard input ends."""

import asyncio
import importlib.metadata
import os
import sys
import threading

from pymodbus.pdu.device import ModbusDeviceIdentification
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

ELEMENTS = 2048


def device():
    bits = [SimData(0, count=ELEMENTS, values=False, datatype=DataType.BITS)]
    words = [SimData(0, count=ELEMENTS, values=0, datatype=DataType.REGISTERS)]
    identity = ModbusDeviceIdentification(info_name={"VendorName": "peer", "ProductCode": "peer", "MajorMinorRevision": "1"})
    return SimDevice(id=0, simdata=(bits, list(bits), words, list(words)), identity=identity)


async def main():
    server = ModbusTcpServer(device(), address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    port = server.transport.sockets[0].getsockname()[1]
    print(port, importlib.metadata.version("pymodbus"), flush=True)
    await asyncio.get_running_loop().create_future()


def end_with_input():
    sys.stdin.buffer.read()
    os._exit(0)


threading.Thread(target=end_with_input, daemon=True).start()
asyncio.run(main())
