"""Files of JSON lines, one record per trial: all valid lines are read, and only one run adds to a file."""

import errno
import json
import os
import sys
from pathlib import Path
from typing import Any

from sklstm.paper._experiments import EXPERIMENTS, SETTINGS
from sklstm.paper._tutorial import TUTORIAL

FIELDS: dict[str, Any] = {
    "experiment": str,
    "setting": str,
    "trial": int,
    "seed": int,
    "success": bool,
    "sequences": int,
    "first": (int, type(None)),
    "n_weights": int,
    "wrong": int,
    "test_size": int,
    "mse": (int, float),
    "mae": (int, float),
    "seconds": (int, float),
    "steps": int,
    "ns_per_step": (int, float),
}
OF_1997 = ("first", "wrong", "test_size", "mse", "mae")
TUTORIAL_FIELDS: dict[str, Any] = {field: FIELDS[field] for field in FIELDS if field not in OF_1997} | {
    "reached": (int, float, type(None))
}


def fields_of(name):
    """Fields of the records of a row, and their types."""
    return TUTORIAL_FIELDS if name in TUTORIAL else FIELDS


def key_of(record):
    """Identity of a trial: row, setting, seed."""
    return record["experiment"], record["setting"], record["seed"]


def read(path):
    """Records of a file of JSON lines, or of all files in a folder, one for each row, setting and seed.

    Lines that are not records and duplicates are left out, with a message on stderr.
    """
    if path is None:
        return []
    records, n_doubles = {}, 0
    for file in sorted(Path(path).glob("*.jsonl")) if Path(path).is_dir() else [Path(path)]:
        for number, line in enumerate(file.read_bytes().split(b"\n") if file.exists() else (), 1):
            if not line.strip():
                continue
            try:
                record = _record_of(line)
            except ValueError as error:
                print(f"{file}, line {number} is left out: {error}.", file=sys.stderr)
                continue
            n_doubles += key_of(record) in records
            records.setdefault(key_of(record), record)
    if n_doubles:
        print(f"{path}: {n_doubles} duplicates of a row, setting and seed are left out.", file=sys.stderr)
    return list(records.values())


def _record_of(line):
    """Return the record of a line, or raise a ValueError that says why it is not one."""
    try:
        record = json.loads(line.decode())
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON, or not complete") from None
    if not isinstance(record, dict):
        raise ValueError("it is JSON, but not a record")
    name = record.get("experiment")
    for field, types in fields_of(name if isinstance(name, str) else "").items():
        if field not in record:
            raise ValueError(f"the record has no {field!r}")
        value = record[field]
        if not isinstance(value, types) or (isinstance(value, bool) and types is not bool):
            raise ValueError(f"{field!r} of the record is {value!r:.40}")
    if name not in EXPERIMENTS | TUTORIAL:
        raise ValueError(f"no experiment is named {record['experiment']!r:.40}")
    if record["setting"] not in SETTINGS:
        raise ValueError(f"no setting is named {record['setting']!r:.40}")
    return record


def open_to_add(path):
    """Open a file of JSON lines for this run only; if its last line is incomplete, a line break is added."""
    try:
        file = Path(path).open("a", encoding="utf-8", newline="\n")
    except OSError as error:
        raise SystemExit(f"--json {path}: {error.strerror}.") from None
    try:
        _lock(file)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            file.close()
            raise SystemExit(
                f"--json {path}: another run writes to this file. Wait until it ends, or name another file."
            ) from None
        print(f"{path}: cannot be locked ({error.strerror}); let no other run write to it.", file=sys.stderr)
    if Path(path).read_bytes()[-1:] not in (b"", b"\n"):
        file.write("\n")
    return file


def _lock(file):
    """Lock a file until it is closed or this process ends in any way; OSError if another process has it."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(file.fileno(), 2**30, os.SEEK_SET)  # beyond the end, because nobody could read a locked byte
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
