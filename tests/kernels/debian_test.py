#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Asks the real binary about kernels as Debian ships them, by the names of their packages.

usage: debian_test.py UNZAP [unittest arguments]
The packages are fetched with apt and kept in $XDG_CACHE_HOME/unzap-kernels. One that apt does not offer, or
cannot fetch, is skipped and counted. Exit: 0 all that were there agree, 1 one does not, 77 there was none.
"""
import json
import os
import subprocess
import sys
import unittest

UNZAP = os.path.abspath(sys.argv[1])
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "unzap-kernels")

# Package, and what the changelog of Debian's linux says of it: 6.1.95 has the fix of 2024, 6.1.191 and 6.12.115 that
# of 2026.
KERNELS = {
    "linux-image-6.1.0-47-amd64-unsigned": "fix-2024",
    "linux-image-6.1.0-56-amd64-unsigned": "fix-2026",
    "linux-image-6.1.0-47-cloud-amd64-unsigned": "fix-2024",
    "linux-image-6.1.0-56-cloud-amd64-unsigned": "fix-2026",
    "linux-image-6.1.0-47-rt-amd64-unsigned": "fix-2024",
    "linux-image-6.1.0-56-rt-amd64-unsigned": "fix-2026",
    "linux-image-6.12.107+deb12-cloud-amd64-unsigned": "fix-2024",
    "linux-image-6.12.117+deb12-cloud-amd64-unsigned": "fix-2026",
}


def fetch(package):
    """The file of the package, from the cache or from apt; else None, and why not."""
    os.makedirs(CACHE, exist_ok=True)
    have = [name for name in os.listdir(CACHE) if name.startswith(package + "_") and name.endswith(".deb")]
    if not have:
        try:
            got = subprocess.run(["apt-get", "download", package], cwd=CACHE, capture_output=True, text=True,
                                 timeout=300, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return None, str(error)
        have = [name for name in os.listdir(CACHE) if name.startswith(package + "_") and name.endswith(".deb")]
        if got.returncode != 0 or not have:
            return None, (got.stderr.strip().splitlines() or ["apt-get download failed"])[-1]
    return os.path.join(CACHE, have[0]), ""


class Case(unittest.TestCase):
    def test_each_kernel_has_the_fix_that_its_changelog_says(self):
        for package, fix in KERNELS.items():
            with self.subTest(package):
                path, why = fetch(package)
                if not path:
                    print(f"skip {package}: {why}")
                    skipped.append(package)
                    continue
                done = subprocess.run([UNZAP, "patched", "--image", path, "--json"], capture_output=True,
                                      timeout=60, check=False)
                self.assertEqual(done.returncode, 0, done.stderr)
                answer = json.loads(done.stdout)
                self.assertEqual((answer["verdict"], answer["fix"]), ("fixed", fix))
                self.assertIn(package, answer["kernel"]["package"])
                self.assertEqual(answer["config"]["io_uring"], True)
                self.assertEqual(answer["config"]["preempt_rcu"], True)
                self.assertGreaterEqual(len(answer["evidence"]), 4)
                looked.append(package)
        print(f"looked at {len(looked)} kernels, skipped {len(skipped)}")


looked, skipped = [], []
if __name__ == "__main__":
    result = unittest.main(argv=[sys.argv[0], *sys.argv[2:]], exit=False).result
    sys.exit(1 if not result.wasSuccessful() else 0 if looked else 77)
