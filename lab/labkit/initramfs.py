# SPDX-License-Identifier: Apache-2.0
"""The guest's file system: an archive in cpio's "newc" form, which the kernel unpacks into its root."""
import os
import pathlib
import stat


class Archive:
    """Entries in the order of adding; folders are added when something in them is."""

    def __init__(self):
        self.parts = []
        self.folders = set()
        self.number = 0

    def _entry(self, name, mode, data=b"", device=(0, 0)):
        self.number += 1
        encoded = name.encode() + b"\0"
        fields = [self.number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(encoded), 0]
        head = b"070701" + "".join(f"{field:08x}" for field in fields).encode() + encoded
        for block in (head, data):
            self.parts.append(block + b"\0" * (-len(block) % 4))

    def folder(self, name):
        parent = os.path.dirname(name)
        if parent:
            self.folder(parent)
        if name not in self.folders:
            self.folders.add(name)
            self._entry(name, stat.S_IFDIR | 0o755)

    def file(self, name, data, mode=0o755):
        if isinstance(data, pathlib.Path):
            data = data.read_bytes()
        elif isinstance(data, str):
            data = data.encode()
        self.folder(os.path.dirname(name))
        self._entry(name, stat.S_IFREG | mode, data)

    def link(self, name, target):
        self.folder(os.path.dirname(name))
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def character_device(self, name, major, minor):
        self.folder(os.path.dirname(name))
        self._entry(name, stat.S_IFCHR | 0o600, device=(major, minor))

    def text(self):
        self._entry("TRAILER!!!", 0)
        return b"".join(self.parts)
