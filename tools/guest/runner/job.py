# SPDX-License-Identifier: GPL-2.0-only
"""One run of a guest: what it needs, and the folders that it sees."""

import os
import pathlib
import shutil
import subprocess
import tempfile

TOOLS = pathlib.Path(__file__).resolve().parent.parent
PROJECT = TOOLS.parent.parent

# Which kernel each kind of guest boots (tools/guest/kernel).
KERNELS = {
    "uml-debug": "uml-debug",
    "uml-plain": "uml-plain",
    "qemu-debug": "qemu-debug",
    "qemu-stock": "stock-7.3",
}
# Memory of a guest, in MiB, unless the caller says otherwise.
MEMORY = {"uml-debug": 2048, "uml-plain": 3072, "qemu-debug": 2048, "qemu-stock": 1536}
# Lockdep learns as much from one processor, and two that spin and interrupt each other cost a tenth
# and, on a busy machine, much more; races are looked for on the two of the other guests.
PROCESSORS = {"qemu-debug": 1}
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


class Refused(Exception):
    """The run cannot be started; the text says why."""


def size_in_bytes(text):
    """'64M' as bytes; K, M and G are powers of 1024."""
    unit = _UNITS.get(text[-1:].upper())
    digits = text[:-1] if unit else text
    if not digits.isdigit() or int(digits) == 0:
        raise Refused(f"disk size '{text}' is not a size: give a number with K, M or G, such as 256M")
    return int(digits) * (unit or 1)


def output_of(*command):
    """The lines that a project's script prints; its progress passes through."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise Refused(f"{' '.join(str(word) for word in command)} failed: see the messages above")
    return done.stdout.split("\n")[:-1]


def _forget_dead_runs(runs):
    """Removes the folders of runs that were killed; names begin with the process id."""
    for folder in runs.iterdir():
        if not pathlib.Path("/proc", folder.name.partition(".")[0]).exists():
            shutil.rmtree(folder, ignore_errors=True)


class Job:
    """Folders and images of one run; `close` removes what nobody asked to keep."""

    def __init__(self, arguments):
        self.kind = arguments.kind
        self.memory = arguments.memory or MEMORY[self.kind]
        self.processors = arguments.processors or PROCESSORS.get(self.kind, 2)
        self.root = pathlib.Path(output_of(TOOLS / "root")[-1])
        self.cache = self.root.parent.parent
        self.kernel = pathlib.Path(output_of(TOOLS / "kernel", KERNELS[self.kind])[-1])
        self.modules = self._modules(arguments.modules)
        runs = self.cache / "run"
        runs.mkdir(exist_ok=True)
        _forget_dead_runs(runs)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{os.getpid()}.", dir=runs))
        self.tree = self._make("tree")
        self.job = self._make("job")
        self.results = pathlib.Path(arguments.result_dir).resolve() if arguments.result_dir else self._make("results")
        self.results.mkdir(parents=True, exist_ok=True)
        self.log = self.results / "console.log" if arguments.result_dir else self.folder / "console.log"
        self.disks = self._disks(arguments)
        self.leak_scan = not arguments.skip_leak_scan
        self.init = arguments.init or ""
        self.command = arguments.command

    def _make(self, name):
        folder = self.folder / name
        folder.mkdir()
        return folder

    def _modules(self, given):
        if given:
            return pathlib.Path(given).resolve()
        kernel = KERNELS[self.kind]
        folder = pathlib.Path(output_of(TOOLS / "module", "--where", kernel)[-1])
        if not folder.is_dir() or not any(folder.glob("*.ko")):
            folder = pathlib.Path(output_of(TOOLS / "module", kernel)[-1])
        return folder

    def _disks(self, arguments):
        disks = []
        keep = arguments.keep_images
        folder = pathlib.Path(keep).resolve() if keep else self.folder
        folder.mkdir(parents=True, exist_ok=True)
        for kind, value in arguments.disks or []:
            if kind == "image":
                image = pathlib.Path(value).resolve()
                if not image.is_file():
                    raise Refused(f"disk image {value} is not a file")
            else:
                image = folder / f"disk{len(disks)}.img"
                with image.open("wb") as file:
                    file.truncate(size_in_bytes(value))
            disks.append(image)
        return disks

    def index_modules(self, release, stock=None):
        """Puts the kernel's modules and those built here where modprobe looks,
        `job`/kernel-modules. (Here, because depmod takes long in an emulator.)"""
        base = self.job / "kernel-modules"
        folder = base / "lib" / "modules" / release
        if stock:
            shutil.copytree(stock, folder, symlinks=True, ignore=shutil.ignore_patterns("vmlinuz*"))
        shutil.copytree(self.modules, folder / "updates")
        script = '. "$0"; in_root depmod -b "$1" "$2" 2>&1 | grep -v "modules\\.\\(order\\|builtin\\)" >&2 || true'
        output_of("bash", "-c", script, TOOLS / "common.sh", base, release)

    def describe(self, disk_names, result_disk):
        """Writes what the guest's first process reads (inside/start)."""
        (self.job / "command").write_bytes(b"".join(os.fsencode(word) + b"\0" for word in self.command))
        (self.job / "settings").write_text(
            f"GUEST_KIND={self.kind}\n"
            f"GUEST_DISKS='{' '.join(disk_names)}'\n"
            f"GUEST_RESULT_DISK={result_disk}\n"
            f"GUEST_LEAK_SCAN={'yes' if self.leak_scan else ''}\n"
            f"GUEST_TREE='{self.tree}'\n"
            f"GUEST_INIT='{self.init}'\n"
        )

    def assembled(self, results, *command):
        """A command line that runs COMMAND where `tree` is the guest's view, and
        ends with everything it started when its first process is killed."""
        return [
            "unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc",
            str(TOOLS / "assemble"), str(self.tree), str(self.root), str(PROJECT),
            str(self.modules), str(self.job), str(results), *[str(word) for word in command],
        ]

    def status(self):
        """The command's exit status, or None when the guest never came to its end."""
        try:
            return int((self.results / ".status").read_text())
        except (OSError, ValueError):
            return None

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)
