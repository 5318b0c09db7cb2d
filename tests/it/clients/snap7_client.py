"""Every family of calls of the snap7 library in C (the wheel of python-snap7 2.1.0) against a server.

Prints one JSON object: for each call, in order, `{"value": ...}` or `{"error": "..."}`. Usage: PORT [RACK SLOT].
DB1 and DB2 must hold the 37 bytes that the end-to-end suite of python-snap7 3 expects.
"""

import ctypes
import datetime
import json
import logging
import struct
import sys

from snap7.client import Client
from snap7.type import Area, Block, Parameter, S7DataItem, S7SZL, WordLen

logging.disable(logging.CRITICAL)

PORT = int(sys.argv[1])
RACK, SLOT = (int(word) for word in sys.argv[2:4]) if len(sys.argv) > 3 else (0, 2)
TIMEOUT_MS = 10_000
READ_DB, WRITE_DB, NEW_DB, NO_DB = 1, 2, 77, 999
DB_BYTES = 37
MAX_SZL_BYTES = 4_096
WHEN = datetime.datetime(2026, 3, 12, 14, 30, 15)

client = Client()
CALLS = []


def call(function):
    """Adds a call under the name of its function."""
    CALLS.append((function.__name__, function))
    return function


def checked(code):
    """Raises what a plain call of the library returned."""
    if code:
        raise RuntimeError(client.error_text(code))
    return code


def plain(value):
    """A value as JSON has it; text of the library ends at its first zero."""
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, ctypes.Structure):
        return {name: plain(getattr(value, name)) for name, *_ in value._fields_}
    if isinstance(value, ctypes.Array):
        return [plain(one) for one in value]
    return value


def named(structure):
    """The texts of a structure as text."""
    fields = {name: getattr(structure, name) for name, *_ in structure._fields_}
    return {name: one.decode("latin-1") if isinstance(one, bytes) else one for name, one in fields.items()}


def szl(list_id, index):
    """Header and size of a system status list."""
    found, size = S7SZL(), ctypes.c_int(MAX_SZL_BYTES)
    checked(client._lib.Cli_ReadSZL(client._s7_client, list_id, index, ctypes.byref(found), ctypes.byref(size)))
    records, record = found.Header.NDR, found.Header.LengthDR
    text = bytes(found.Data)[: records * record]
    return {"records": records, "record_bytes": record, "bytes": size.value, "data": text.hex()}


def item(area, db, start, amount, length=WordLen.Byte, content=None):
    """One variable of a call with several."""
    found = S7DataItem()
    found.Area, found.WordLen, found.DBNumber, found.Start, found.Amount = area, length, db, start, amount
    size = amount * (4 if length == WordLen.Real else 2 if length == WordLen.Word else 1)
    buffer = ctypes.create_string_buffer(content or bytes(size), size)
    found.pData = ctypes.cast(ctypes.pointer(buffer), ctypes.POINTER(ctypes.c_uint8))
    KEPT.append(buffer)
    return found


KEPT = []


def several(items):
    """Reads several variables and returns result and content of each."""
    array = (S7DataItem * len(items))(*items)
    client.read_multi_vars(array)
    return [{"result": one.Result, "data": ctypes.string_at(one.pData, one.Amount).hex()} for one in array]


def block(number, content):
    """A data block as it is loaded: header of 36 bytes, content, footer of 36 bytes."""
    loaded = 36 + len(content) + 36
    header = struct.pack(">HBBBBHII", 0x7070, 1, 1, 5, 0x0A, number, loaded, 0)
    times = struct.pack(">IHIH", 0, 15_000, 0, 15_000)
    lengths = struct.pack(">HHHH", 0, 0, 0, len(content))
    return bytearray(header + times + lengths + content + bytes(36))


def renumbered(loaded, number):
    """A block that was uploaded, under another number."""
    loaded[6:8] = struct.pack(">H", number)
    return loaded


def in_background(start):
    """Starts a call in the background and waits for its end."""
    checked(start())
    checked(client._lib.Cli_WaitAsCompletion(client._s7_client, ctypes.c_ulong(TIMEOUT_MS)))


@call
def set_timeouts():
    for parameter in (Parameter.SendTimeout, Parameter.RecvTimeout, Parameter.PingTimeout):
        client.set_param(parameter, TIMEOUT_MS)
    return client.get_param(Parameter.RecvTimeout)


@call
def connect_to_a_wrong_slot():
    other = Client()
    try:
        other.connect("127.0.0.1", 3, 7, PORT)
    finally:
        other.destroy()


@call
def connect_as_operator_panel():
    other = Client()
    other.set_param(Parameter.RemotePort, PORT)
    other.set_connection_params("127.0.0.1", 0x0200, 0x0200 | RACK << 5 | SLOT)
    checked(other._lib.Cli_Connect(other._s7_client))
    connected = other.get_connected()
    other.destroy()
    return connected


@call
def connect():
    client.connect("127.0.0.1", RACK, SLOT, PORT)
    return client.get_connected()


@call
def get_pdu_length():
    return client.get_pdu_length()


@call
def db_read():
    return client.db_read(READ_DB, 0, DB_BYTES)


@call
def db_write():
    client.db_write(WRITE_DB, 2, bytearray(b"\x12\x34"))
    return client.db_read(WRITE_DB, 2, 2)


@call
def db_read_missing():
    return client.db_read(NO_DB, 0, 1)


@call
def db_read_beyond():
    return client.db_read(READ_DB, 60_000, 1)


@call
def db_write_missing():
    client.db_write(NO_DB, 0, bytearray(2))


@call
def db_get():
    return client.db_get(READ_DB)[:DB_BYTES]


@call
def db_fill():
    client.db_fill(WRITE_DB, 0x55)
    filled = client.db_read(WRITE_DB, 0, DB_BYTES)
    client.db_write(WRITE_DB, 0, client.db_read(READ_DB, 0, DB_BYTES))
    return filled


@call
def read_area_inputs():
    return len(client.read_area(Area.PE, 0, 0, 4))


@call
def read_area_outputs():
    return len(client.read_area(Area.PA, 0, 0, 4))


@call
def read_area_markers():
    return len(client.read_area(Area.MK, 0, 0, 4))


@call
def read_area_timers():
    return len(client.read_area(Area.TM, 0, 0, 2))


@call
def read_area_counters():
    return len(client.read_area(Area.CT, 0, 0, 2))


@call
def write_area_db():
    client.write_area(Area.DB, WRITE_DB, 14, bytearray(b"\xAB\xCE"))
    return client.read_area(Area.DB, WRITE_DB, 14, 2)


@call
def write_area_markers():
    client.write_area(Area.MK, 0, 100, bytearray(b"\x5A"))
    return client.read_area(Area.MK, 0, 100, 1)


@call
def eb_read():
    return len(client.eb_read(0, 4))


@call
def eb_write():
    client.eb_write(4, 1, bytearray(1))


@call
def ab_read():
    return len(client.ab_read(0, 4))


@call
def ab_write():
    client.ab_write(4, bytearray(1))


@call
def mb_read():
    return len(client.mb_read(0, 4))


@call
def mb_write():
    client.mb_write(101, 1, bytearray(b"\xA5"))
    return client.mb_read(101, 1)


@call
def tm_read():
    return len(client.tm_read(0, 1))


@call
def ct_read():
    return len(client.ct_read(0, 1))


@call
def read_a_bit():
    buffer = (ctypes.c_uint8 * 1)()
    library = client._lib
    checked(library.Cli_ReadArea(client._s7_client, Area.DB, READ_DB, 36 * 8, 1, WordLen.Bit, ctypes.byref(buffer)))
    return buffer[0]


@call
def write_a_bit():
    buffer = (ctypes.c_uint8 * 1)(1)
    library = client._lib
    checked(library.Cli_WriteArea(client._s7_client, Area.DB, WRITE_DB, 36 * 8 + 7, 1, WordLen.Bit, ctypes.byref(buffer)))
    return client.db_read(WRITE_DB, 36, 1)


@call
def read_a_real():
    buffer = (ctypes.c_uint8 * 4)()
    library = client._lib
    checked(library.Cli_ReadArea(client._s7_client, Area.DB, READ_DB, 4, 1, WordLen.Real, ctypes.byref(buffer)))
    return bytes(buffer)


@call
def read_multi_vars():
    return several([
        item(Area.DB, READ_DB, 0, 2),
        item(Area.DB, READ_DB, 4, 4),
        item(Area.MK, 0, 0, 1),
    ])


@call
def read_20_vars():
    return len(several([item(Area.DB, READ_DB, n, 1) for n in range(20)]))


@call
def read_21_vars():
    return len(several([item(Area.DB, READ_DB, n, 1) for n in range(21)]))


@call
def read_multi_vars_with_a_missing_db():
    return several([item(Area.DB, READ_DB, 0, 2), item(Area.DB, NO_DB, 0, 2)])


@call
def write_multi_vars():
    client.write_multi_vars([
        item(Area.DB, WRITE_DB, 16, 2, content=b"\x43\x21"),
        item(Area.DB, WRITE_DB, 12, 1, content=b"\x77"),
    ])
    return client.db_read(WRITE_DB, 12, 6)


@call
def read_more_than_one_pdu():
    return len(client.db_read(3, 0, 256))


@call
def read_szl_list():
    return len(client.read_szl_list()) > 0


@call
def read_szl_identification():
    return szl(0x0011, 0)


@call
def read_szl_components():
    return szl(0x001C, 0)


@call
def read_szl_communication():
    return szl(0x0131, 1)


@call
def read_szl_protection():
    return szl(0x0232, 4)


@call
def read_szl_mode():
    return szl(0x0424, 0)


@call
def read_szl_leds():
    return szl(0x0074, 0)


@call
def read_szl_diagnostics_buffer():
    return szl(0x00A0, 0)["record_bytes"]


@call
def read_szl_missing():
    return szl(0x7777, 0)


@call
def get_order_code():
    return named(client.get_order_code())


@call
def get_cpu_info():
    return named(client.get_cpu_info())


@call
def get_cp_info():
    return plain(client.get_cp_info())


@call
def get_protection():
    return plain(client.get_protection())


@call
def get_cpu_state():
    return client.get_cpu_state()


@call
def list_blocks():
    return plain(client.list_blocks())


@call
def list_blocks_of_type_db():
    return sorted(number for number in client.list_blocks_of_type(Block.DB, 100) if number)


@call
def list_blocks_of_type_ob():
    return sorted(number for number in client.list_blocks_of_type(Block.OB, 100) if number)


@call
def get_block_info():
    info = client.get_block_info(Block.DB, READ_DB)
    return {"number": info.BlkNumber, "type": info.BlkType, "mc7_bytes": info.MC7Size}


@call
def get_block_info_ob():
    return client.get_block_info(Block.OB, 1).BlkNumber


@call
def get_block_info_missing():
    return client.get_block_info(Block.DB, NO_DB).BlkNumber


@call
def upload():
    return len(client.upload(READ_DB)) > 0


@call
def full_upload():
    content, size = client.full_upload(Block.DB, READ_DB)
    return {"bytes": size, "begins": content[:8].hex()}


@call
def full_upload_ob():
    return client.full_upload(Block.OB, 1)[1] > 0


@call
def upload_missing():
    return len(client.upload(NO_DB))


@call
def get_pg_block_info():
    info = client.get_pg_block_info(block(NEW_DB, bytes(100)))
    return {"number": info.BlkNumber, "mc7_bytes": info.MC7Size}


@call
def download_made_block():
    client.download(block(NEW_DB, bytes(range(100))), NEW_DB)
    return client.db_read(NEW_DB, 0, 4)


@call
def download_uploaded_block():
    content, _ = client.full_upload(Block.DB, READ_DB)
    client.download(renumbered(content, NEW_DB), NEW_DB)
    return client.db_read(NEW_DB, 0, 4)


@call
def download_garbage():
    client.download(bytearray(b"\xFF" * 120), NEW_DB)


@call
def delete():
    checked(client.delete(Block.DB, NEW_DB))
    return NEW_DB in list(client.list_blocks_of_type(Block.DB, 100))


@call
def delete_missing():
    checked(client.delete(Block.DB, NO_DB))


@call
def plc_stop():
    checked(client.plc_stop())
    return client.get_cpu_state()


@call
def plc_stop_again():
    checked(client.plc_stop())


@call
def plc_hot_start():
    checked(client.plc_hot_start())
    return client.get_cpu_state()


@call
def plc_hot_start_again():
    checked(client.plc_hot_start())


@call
def plc_cold_start():
    client.plc_stop()
    checked(client.plc_cold_start())
    return client.get_cpu_state()


@call
def compress():
    client.compress(TIMEOUT_MS)


@call
def copy_ram_to_rom():
    client.copy_ram_to_rom(TIMEOUT_MS)


@call
def get_plc_datetime():
    return client.get_plc_datetime().year > 2000


@call
def set_plc_datetime():
    client.set_plc_datetime(WHEN)
    return client.get_plc_datetime().replace(minute=0, second=0)


@call
def set_plc_system_datetime():
    client.set_plc_system_datetime()
    return abs(client.get_plc_datetime() - datetime.datetime.now()) < datetime.timedelta(minutes=10)


@call
def set_session_password():
    client.set_session_password("wrong")


@call
def clear_session_password():
    client.clear_session_password()


@call
def iso_exchange_buffer():
    request = bytes.fromhex("32 01 0000 0001 000e 0000 04 01 12 0a 10 02 0002 0001 84 000000")
    return client.iso_exchange_buffer(bytearray(request))[-2:]


@call
def read_in_background():
    buffer = (ctypes.c_uint8 * 4)()
    in_background(lambda: client.as_db_read(READ_DB, 4, 4, buffer))
    return bytes(buffer)


@call
def read_list_in_background():
    found = S7SZL()
    in_background(lambda: client.as_read_szl(0x0011, 0, found, ctypes.sizeof(found)))
    return found.Header.LengthDR


@call
def get_exec_time():
    return client.get_exec_time() >= 0


@call
def get_last_error():
    client.db_read(READ_DB, 0, 1)
    return client.get_last_error()


@call
def disconnect():
    client.disconnect()
    return client.get_connected()


def main():
    found = {}
    for name, function in CALLS:
        try:
            found[name] = {"value": plain(function())}
        except Exception as problem:
            words = problem.args[0] if problem.args else problem
            found[name] = {"error": words.decode() if isinstance(words, bytes) else str(words)}
    print(json.dumps(found))


main()
