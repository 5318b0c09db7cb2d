"""A tour of a controller with pymodbus; prints what it found as JSON."""

import json
import sys

from pymodbus.client import ModbusTcpClient

SETPOINT = 1024


READINGS = 10_000


def wait(client):
    for _ in range(READINGS):
        pressure = client.read_input_registers(0, count=1, device_id=1).registers[0]
        if pressure > 0:
            break
    return {"pressure": pressure}


def tour(client):
    found = {}
    found["inputs"] = client.read_input_registers(0, count=11, device_id=1).registers
    found["setpoint"] = client.read_holding_registers(SETPOINT, count=1, device_id=1).registers[0]
    client.write_register(SETPOINT, 2710, device_id=1)
    client.write_registers(SETPOINT, [2710], device_id=1)
    client.mask_write_register(address=SETPOINT, and_mask=0xFFFF, or_mask=0, device_id=1)
    both = client.readwrite_registers(
        read_address=SETPOINT, read_count=1, write_address=SETPOINT, values=[2710], device_id=1
    )
    found["written"] = both.registers[0]
    found["coils_written"] = not client.write_coils(64, [True, False], device_id=1).isError()
    found["coils"] = client.read_coils(0, count=8, device_id=1).bits
    found["discrete"] = client.read_discrete_inputs(0, count=8, device_id=1).bits
    found["echo"] = client.diag_query_data(b"\x12\x34", device_id=1).message.hex()
    found["server_id"] = client.report_device_id(device_id=1).identifier.hex()
    identity = client.read_device_information(read_code=1, object_id=0, device_id=1).information
    found["vendor"] = identity[0].decode()
    found["product"] = identity[1].decode()
    refused = client.read_holding_registers(65000, count=10, device_id=1)
    found["missing_register_exception"] = refused.exception_code
    return found


def main():
    port, task = int(sys.argv[1]), sys.argv[2]
    client = ModbusTcpClient("127.0.0.1", port=port, timeout=10)
    if not client.connect():
        sys.exit("no connection")
    try:
        print(json.dumps({"tour": tour, "wait": wait}[task](client)))
    finally:
        client.close()


main()
