"""A controller asked by pymodbus; prints what it found as JSON.

Usage: PORT TASK; tasks are `wait` for the first scan, `tour` with values, and `functions`, every one that pymodbus can send.
"""

import json
import sys

from pymodbus.client import ModbusTcpClient
from pymodbus.pdu.file_message import FileRecord

SETPOINT = 1024
SPARE_REGISTER = 1124
SPARE_COIL = 64
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
    found["coils_written"] = not client.write_coils(SPARE_COIL, [True, False], device_id=1).isError()
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


def functions(client):
    """`data` or the number of the exception for each function code, with its sub-function where it has some."""
    at = {"device_id": 1}
    record = FileRecord(file_number=1, record_number=0, record_length=2)
    content = FileRecord(file_number=1, record_number=0, record_data=b"\x12\x34")
    asked = {
        "1": lambda: client.read_coils(0, count=8, **at),
        "2": lambda: client.read_discrete_inputs(0, count=8, **at),
        "3": lambda: client.read_holding_registers(SETPOINT, count=2, **at),
        "4": lambda: client.read_input_registers(0, count=2, **at),
        "5": lambda: client.write_coil(SPARE_COIL, True, **at),
        "6": lambda: client.write_register(SPARE_REGISTER, 1, **at),
        "7": lambda: client.read_exception_status(**at),
        "8/0": lambda: client.diag_query_data(b"\x12\x34", **at),
        "8/1": lambda: client.diag_restart_communication(False, **at),
        "8/2": lambda: client.diag_read_diagnostic_register(**at),
        "8/10": lambda: client.diag_clear_counters(**at),
        "8/11": lambda: client.diag_read_bus_message_count(**at),
        "8/12": lambda: client.diag_read_bus_comm_error_count(**at),
        "8/13": lambda: client.diag_read_bus_exception_error_count(**at),
        "8/14": lambda: client.diag_read_device_message_count(**at),
        "8/15": lambda: client.diag_read_device_no_response_count(**at),
        "8/16": lambda: client.diag_read_device_nak_count(**at),
        "8/17": lambda: client.diag_read_device_busy_count(**at),
        "8/18": lambda: client.diag_read_bus_char_overrun_count(**at),
        "8/20": lambda: client.diag_clear_overrun_counter(**at),
        "11": lambda: client.diag_get_comm_event_counter(**at),
        "12": lambda: client.diag_get_comm_event_log(**at),
        "15": lambda: client.write_coils(SPARE_COIL, [True, False], **at),
        "16": lambda: client.write_registers(SPARE_REGISTER, [1, 2], **at),
        "17": lambda: client.report_device_id(**at),
        "20": lambda: client.read_file_record([record], **at),
        "21": lambda: client.write_file_record([content], **at),
        "22": lambda: client.mask_write_register(address=SPARE_REGISTER, and_mask=0xFFFF, or_mask=0, **at),
        "23": lambda: client.readwrite_registers(
            read_address=SETPOINT, read_count=1, write_address=SPARE_REGISTER, values=[3], **at
        ),
        "24": lambda: client.read_fifo_queue(address=SETPOINT, **at),
        "43/14/1": lambda: client.read_device_information(read_code=1, object_id=0, **at),
        "43/14/2": lambda: client.read_device_information(read_code=2, object_id=0, **at),
        "43/14/3": lambda: client.read_device_information(read_code=3, object_id=0, **at),
        "43/14/4": lambda: client.read_device_information(read_code=4, object_id=0, **at),
    }
    answers = {name: ask() for name, ask in asked.items()}
    return {name: str(answer.exception_code) if answer.isError() else "data" for name, answer in answers.items()}


def main():
    port, task = int(sys.argv[1]), sys.argv[2]
    client = ModbusTcpClient("127.0.0.1", port=port, timeout=10)
    if not client.connect():
        sys.exit("no connection")
    try:
        print(json.dumps({"tour": tour, "wait": wait, "functions": functions}[task](client)))
    finally:
        client.close()


main()
