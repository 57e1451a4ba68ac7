# SPDX-License-Identifier: GPL-2.0-only
"""Every image that the engine leaves is clean: before its activation, with the journal that a crash left, and behind it."""

import json
import os
import subprocess
import tempfile
import unittest

import support
from support import MAIN, SPARE, Volume


class Album(unittest.TestCase):
    def test_all_are_clean(self):
        replayed = 0
        for name in support.names():
            with self.subTest(name):
                volume = Volume(name)
                report = volume.check(with_data=True)
                self.assertEqual(report.as_text().splitlines()[-1].partition(":")[0], "clean", report.as_text())
                self.assertEqual(report.counts["data_blocks_checked"], report.counts["used"])
                replayed += report.counts["replayed"]
                if name.endswith("-loaded"):
                    self.assertLessEqual({finding["rule"] for finding in report.findings}, {"checkpoint"})
        # Otherwise replay was not tested.
        self.assertGreater(replayed, 100)


class Program(unittest.TestCase):
    """The command, on files."""

    def run_on(self, volume, *options):
        with tempfile.TemporaryDirectory() as folder:
            paths = [os.path.join(folder, name) for name in ("main", "spare")]
            for path, leg in zip(paths, volume.legs):
                with open(path, "wb") as file:
                    file.write(leg.bytes)
            return self.run_with(*options, *paths)

    def run_with(self, *words):
        program = support.PROJECT / "tests" / "checker" / "check-dedup"
        return subprocess.run([program, *words], capture_output=True, text=True, check=False)

    def test_clean(self):
        done = self.run_on(Volume(support.at_rest()), "--data")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"^clean: checkpoint \d+, .*data_blocks_checked \d+\n$")

    def test_errors(self):
        volume = Volume(support.at_rest())
        volume.patch(SPARE, 0, 50, b"!", seal=False)
        done = self.run_on(volume)
        self.assertEqual(done.returncode, 4)
        self.assertRegex(done.stdout, r"^error: superblock: spare block 0: the superblock of spare is damaged.*\nNOT CLEAN: ")

    def test_json(self):
        volume = Volume(support.at_rest())
        volume.patch(MAIN, 1, 50, b"!", seal=False)
        found = json.loads(self.run_on(volume, "--json").stdout)
        self.assertEqual(set(found), {"clean", "findings", "counts"})
        self.assertEqual([set(finding) for finding in found["findings"]], [{"severity", "rule", "where", "text"}])
        self.assertEqual(found["findings"][0]["where"], {"leg": "main", "block": 1})

    def test_short_files(self):
        volume = Volume(support.at_rest())
        for leg, length in ((MAIN, 0), (MAIN, 5000), (SPARE, 0), (MAIN, 4096 * 90 + 100), (SPARE, 4096 * 2)):
            cut = Volume(volume.name)
            del cut.legs[leg].bytes[length:]
            done = self.run_on(cut)
            self.assertEqual((done.returncode, done.stderr), (4, ""), (leg, length))

    def test_operational(self):
        for words in (("/nowhere", "/nowhere"), ("/dev/null", "/dev/null"), ("one",), ("--unknown", "a", "b")):
            done = self.run_with(*words)
            self.assertEqual((done.returncode, done.stdout), (8, ""), words)
            self.assertNotIn("Traceback", done.stderr)
        self.assertEqual(self.run_with("--help").returncode, 0)


if __name__ == "__main__":
    unittest.main()
