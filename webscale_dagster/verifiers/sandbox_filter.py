"""System calls that the sandbox refuses: memory that no limit counts, and doors into the kernel.

Makes a seccomp program (classic BPF, see seccomp(2)); reads and writes nothing.
"""

from __future__ import annotations

import platform
import struct

# The call's number on x86_64 and on aarch64.
_REFUSED = {
    # Memory that outlives a process or counts for none.
    "memfd_create": (319, 279),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    # Other processes, and ways around the namespaces.
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "pivot_root": (155, 41),
    # Where most of the kernel's holes of the last ten years were.
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
}
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # AUDIT_ARCH_*
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _EPERM = 0x7FFF0000, 0x00050001
_X32 = 0x40000000  # the same calls under other numbers


def program() -> bytes:
    """The filter for this machine; empty where its call numbers are not known here."""
    if platform.machine() not in _MACHINES:
        return b""
    column, machine = _MACHINES[platform.machine()]
    refused = [numbers[column] for numbers in _REFUSED.values()]
    rules = [(_LOAD, 0, 0, 4), (_EQUAL, 0, len(refused) + 3, machine), (_LOAD, 0, 0, 0)]
    rules.append((_AT_LEAST, len(refused) + 1, 0, _X32))
    rules += [(_EQUAL, len(refused) - at, 0, number) for at, number in enumerate(refused)]
    rules += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _EPERM)]
    return b"".join(struct.pack("=HBBI", *rule) for rule in rules)
