# SPDX-License-Identifier: GPL-2.0-only
"""The stages that need no guest: each takes the tally and the folder for logs."""

import os
import pathlib
import re
import subprocess
import sys

PROJECT = pathlib.Path(__file__).resolve().parent.parent.parent
GUEST = PROJECT / "tools" / "guest"

# What the builders and tools/lint say of a build that passed before and reads nothing else now.
UNCHANGED = "unchanged since it passed"

_NEXTEST = re.compile(r"^\s+(PASS|FAIL|SIGABRT|SIGSEGV|SIGILL|SIGKILL|TIMEOUT|ABORT) \[.*?\]\s+(?:\([^)]*\)\s+)?(.+)$")
_LIBTEST = re.compile(r"^test (.+) \.\.\. (ok|FAILED|ignored)")
_UNITTEST = re.compile(r"^test_\w+ \(([\w.]+)\).* \.\.\. (ok|skipped|FAIL|ERROR)\b", re.MULTILINE)
_UNITTEST_RAN = re.compile(r"^Ran (\d+) tests? in ", re.MULTILINE)
_NEXTEST_SKIPPED = re.compile(r"tests? run: .*?(\d+) skipped")


def run(log, *command, **settings):
    """Runs a command with its output in `log`, progress on stderr excepted when
    `progress` is set. Returns (exit status, the log's text)."""
    environment = dict(os.environ, **settings)
    with log.open("wb") as file:
        done = subprocess.run(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, env=environment, cwd=PROJECT, check=False,
        )
    return done.returncode, log.read_text(errors="replace")


def single(tally, output, name, *command, **settings):
    """A stage that is one test: it passes when the command does."""
    status, text = run(output / f"{name}.log", *command, **settings)
    tally.add(name, "PASS" if status == 0 else "FAIL", text)
    if UNCHANGED in text:
        print(f"   {name}: {UNCHANGED}", flush=True)
    return status == 0


def make(tally, name, *command):
    """Makes a prerequisite with its progress on the terminal; False and a failure if it cannot be made."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.DEVNULL, cwd=PROJECT, check=False)
    if done.returncode:
        tally.add(name, "FAIL", f"{' '.join(str(word) for word in command)} failed: see the messages above")
    return done.returncode == 0


def root(tally, _output):
    make(tally, "Debian 13 root", GUEST / "root")


def host_tests(tally, output):
    """Tests of the tools workspace, with the root's cargo; nextest where it runs."""
    status, _ = run(output / "nextest.log", GUEST / "cargo", "nextest", "--version")
    if status == 0:
        words = ["nextest", "run", "--workspace", "--locked", "--no-fail-fast", "--status-level", "all"]
    else:
        words = ["test", "--workspace", "--locked", "--no-fail-fast"]
    status, text = run(output / "host.log", GUEST / "cargo", *words)
    counted = 0
    seen = set()
    for line in text.splitlines():
        if match := _NEXTEST.match(line):
            result, name = match.groups()
        elif match := _LIBTEST.match(line):
            name, result = match.groups()
            result = {"ok": "PASS", "ignored": "SKIP"}.get(result, "FAIL")
        else:
            continue
        # nextest names a failed test a second time in its summary.
        if words[0] == "nextest" and name in seen:
            continue
        seen.add(name)
        counted += 1
        tally.add(f"host {name}", result, "" if result == "PASS" else f"see {output / 'host.log'}")
    if match := _NEXTEST_SKIPPED.search(text):
        tally.add_counts(0, int(match.group(1)))
    if counted == 0 or (status != 0 and tally.failed == 0):
        tally.add("host tests", "FAIL", text)
    print(f"   {counted} tests", flush=True)


def tools(tally, output):
    """sparectl with its man pages and completions, as `make tools` builds them; the guests use it."""
    single(tally, output, "tools", PROJECT / "tools" / "sparectl" / "build")


def checker(tally, output):
    """The tests of the second checker of deduplicated volumes, on images that the simulator makes."""
    # Made first, so that its progress does not stand between the results.
    status, text = run(output / "dedup-album.log", GUEST / "dedup-album")
    if status:
        tally.add("checker", "FAIL", text)
        return
    album = text.split()[-1]
    tests = PROJECT / "tests" / "checker" / "tests"
    command = [sys.executable, "-B", "-m", "unittest", "discover", "-v", "-s", tests]
    status, text = run(output / "checker.log", *command, DEDUP_ALBUM=album)
    found = _UNITTEST.findall(text)
    for name, result in found:
        tally.add(f"checker {name}", {"ok": "PASS", "skipped": "SKIP"}.get(result, "FAIL"), f"see {output / 'checker.log'}")
    ran = _UNITTEST_RAN.search(text)
    if not ran or int(ran[1]) != len(found) or (status != 0) != any(result in ("FAIL", "ERROR") for _, result in found):
        tally.add("checker", "FAIL", text)
    print(f"   {len(found)} tests", flush=True)


def lint(tally, output):
    """Each line `ok NAME` or `FAIL NAME` of tools/lint is a test."""
    status, text = run(output / "lint.log", PROJECT / "tools" / "lint")
    found = re.findall(r"^(ok|FAIL) +(.*)$", text, re.MULTILINE)
    for result, name in found:
        tally.add(f"lint {name}", "PASS" if result == "ok" else "FAIL", text)
        if UNCHANGED in name:
            print(f"   {name}", flush=True)
    if not found or (status != 0 and all(result == "ok" for result, _ in found)):
        tally.add("lint", "FAIL", text)


def mutants(tally, output):
    """Each seeded bug is a test: it passes when the simulator catches it."""
    status, text = run(output / "mutants.log", GUEST / "mutants", UNCHANGED="report")
    found = re.findall(r"^(\w+): (.*)$", text, re.MULTILINE)
    for name, verdict in found:
        tally.add(f"seeded bug {name}", "PASS" if verdict.startswith("caught") else "FAIL", verdict)
    if not found or (status != 0 and all(verdict.startswith("caught") for _, verdict in found)):
        tally.add("seeded bugs", "FAIL", text)
    print(f"   {len(found)} seeded bugs{': ' + UNCHANGED if UNCHANGED in text else ''}", flush=True)


def simulator(tally, output):
    """All short sequences with all their crashes, then random runs."""
    if single(tally, output, "simulator", GUEST / "simulate"):
        for line in (output / "simulator.log").read_text().splitlines():
            if line.startswith(("exhaustive:", "random:", "index:")):
                print(f"   {line}", flush=True)


def module_build(kind):
    """The stage that builds all modules for a kernel; a warning is a failure."""

    def stage(tally, output):
        if make(tally, f"kernel {kind}", GUEST / "kernel", kind):
            single(tally, output, f"build {kind}".replace(" ", "-"), GUEST / "module", kind, WARNINGS="fail")

    return stage


def in_tree(tally, output):
    single(tally, output, "in-tree", GUEST / "in-tree")


def rustdoc(tally, output):
    single(
        tally, output, "rustdoc-tools",
        GUEST / "cargo", "doc", "--workspace", "--no-deps", "--document-private-items", "--locked",
        RUSTDOCFLAGS="-Dwarnings",
    )
    single(tally, output, "rustdoc-module", GUEST / "module", "stock-7.3", RUSTDOC="1", WARNINGS="fail")
