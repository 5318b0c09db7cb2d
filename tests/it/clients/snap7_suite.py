"""The end-to-end suites in the source of python-snap7 3 against a server.

Prints one JSON object: `passed`, a list; `skipped`, `failed` and `wrong`, tests with their reasons; `wrong` are tests that
failed and whose client is itself at fault. Usage: FOLDER PORT, where FOLDER is the unpacked source. DB1 and DB2 must hold the 37 bytes that the suites expect.
"""

import contextlib
import json
import os
import sys

import pytest

FOLDER, PORT = sys.argv[1], sys.argv[2]
ADDRESS, RACK, SLOT = "127.0.0.1", 0, 2
# Tests that a server may fail, and what their client does wrong.
WRONG = {
    "TestClientPLCInfo::test_get_cpu_state": "sends a read of one byte of parameters, without a count, and takes any answer for RUN",
    "TestClientPLCInfo::test_get_cp_info": "asks for index 0 of SZL 0131, which has none; the library in C asks for index 1",
    "TestClientPLCInfo::test_get_protection": "asks for index 0 of SZL 0232, which has none; the library in C asks for index 4",
}
SUITES = ["tests/test_client_e2e.py", "tests/real_plc"]


class Outcomes:
    """Collects what became of each test."""

    def __init__(self):
        self.found = {"passed": [], "skipped": {}, "failed": {}, "wrong": {}}

    def pytest_runtest_logreport(self, report):
        name = report.nodeid.split("::", 1)[-1]
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            reason = crash.message.splitlines()[0] if crash else str(report.longrepr)
            if name in WRONG:
                self.found["wrong"][name] = f"{WRONG[name]}: {reason}"
            else:
                self.found["failed"][name] = reason
        elif report.skipped:
            self.found["skipped"][name] = report.longrepr[2]
        elif report.when == "call":
            self.found["passed"].append(name)


def set_clock():
    """One test compares the server's clock with this computer's; a virtual plant has its own."""
    from snap7.client import Client

    client = Client()
    client.connect(ADDRESS, RACK, SLOT, int(PORT))
    client.set_plc_system_datetime()
    client.disconnect()


def main():
    os.chdir(FOLDER)
    sys.path.insert(0, FOLDER)
    outcomes = Outcomes()
    with contextlib.redirect_stdout(sys.stderr):
        set_clock()
        place = [f"--plc-ip={ADDRESS}", f"--plc-port={PORT}", f"--plc-rack={RACK}", f"--plc-slot={SLOT}"]
        quiet = ["-q", "-p", "no:cacheprovider", "-W", "ignore"]
        pytest.main([*SUITES, "--e2e", "--allow-plc-write", *place, *quiet], plugins=[outcomes])
    print(json.dumps(outcomes.found))


main()
