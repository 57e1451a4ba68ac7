# SPDX-License-Identifier: GPL-2.0-only
"""QEMU, always with the emulator's own translation: /dev/kvm may open and still
be unable to run these kernels. The root is a read-only disk image, a second one
carries project and modules, a third brings the results back."""

import gzip
import pathlib
import shutil
import subprocess

from runner import clock
from runner.job import TOOLS, Refused, output_of

RESULT_BYTES = 64 << 20
# What the stock kernel needs before it has a root, in the order of loading.
STOCK_MODULES = ("virtio_blk", "overlay")


def _run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(f"{command[0]} failed: {done.stderr.strip()[-400:]}")


def _root_image(job):
    """The root as an ext4 image, made once for each root."""
    image = job.cache / "root" / f"{job.root.name}.ext4"
    if not image.exists():
        part = image.with_suffix(".part")
        part.unlink(missing_ok=True)
        _run("mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-d", job.root, part, "6G")
        part.rename(image)
    return image


def _stock():
    """Folder and release of Debian's own kernel."""
    _, stock, release = output_of(TOOLS / "sources", "7.3")
    return pathlib.Path(stock), release


def _initial_ram(job, stock_modules):
    """The initial RAM file system: busybox, first-qemu and the modules it loads."""
    staging = job.folder / "initial"
    (staging / "bin").mkdir(parents=True)
    (staging / "modules").mkdir()
    shutil.copy(job.root / "bin" / "busybox", staging / "bin" / "busybox")
    shutil.copy(TOOLS / "inside" / "first-qemu", staging / "init")
    if stock_modules:
        for number, name in enumerate(STOCK_MODULES):
            found = next(stock_modules.rglob(f"{name}.ko.xz"), None)
            if found:
                with (staging / "modules" / f"{number}-{name}.ko").open("wb") as file:
                    subprocess.run(["xz", "-dc", str(found)], stdout=file, check=True)
    names = "\n".join(str(path.relative_to(staging)) for path in sorted(staging.rglob("*")))
    packed = subprocess.run(
        ["cpio", "-o", "-H", "newc", "--quiet"], cwd=staging, input=names.encode(), capture_output=True, check=True
    )
    image = job.folder / "initial.gz"
    image.write_bytes(gzip.compress(packed.stdout, compresslevel=1))
    return image


def _job_image(job):
    """Project, modules and the command as an ext4 image."""
    image = job.folder / "job.ext4"
    view = job.folder / "view"
    for name in ("project", "modules", "job"):
        (view / name).mkdir(parents=True)
    # Of what was built here only the programs are of use there.
    wanted = ["--include=/build", "--include=/build/tools/***", "--exclude=/build/*", "--exclude=/.git", "--exclude=target"]
    _run("rsync", "-a", *wanted, f"{TOOLS.parent.parent}/", view / "project")
    for source, name in ((job.modules, "modules"), (job.job, "job")):
        shutil.copytree(source, view / name, symlinks=True, dirs_exist_ok=True)
    _run("mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-d", view, image, "256M")
    return image


def prepare(job):
    """The command line that boots the guest."""
    names = [f"/dev/vd{chr(ord('d') + number)}" for number in range(len(job.disks))]
    job.describe(names, "/dev/vdc")
    if job.kind == "qemu-stock":
        stock, release = _stock()
        stock_modules = stock / "usr" / "lib" / "modules" / release
        kernel = stock_modules / "vmlinuz.unsigned"
        job.index_modules(release, stock_modules)
    else:
        stock_modules = None
        job.index_modules((job.kernel / "include" / "config" / "kernel.release").read_text().strip())
        kernel = job.kernel / "arch" / "x86" / "boot" / "bzImage"
    results = job.folder / "results.img"
    with results.open("wb") as file:
        file.truncate(RESULT_BYTES)
    command = [
        "qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi",
        # Page tables of four levels: an interrupt while a kernel with KASAN reads its
        # processor's features takes memory above them for unknown, and reports it.
        # Without AVX: programs that find it use it for every string, and it is emulated slowly.
        "-cpu", "max,la57=off,avx=off,avx2=off",
        "-smp", str(job.processors), "-m", str(job.memory), "-display", "none", "-serial", "stdio", "-monitor", "none",
        "-no-reboot", "-nic", "none", "-kernel", str(kernel), "-initrd", str(_initial_ram(job, stock_modules)),
        # Looking for leaks costs as much as all the other checks together, and
        # User-mode Linux does it with the same tests.
        # A clock said to be reliable spares the kernel the patching of its own text,
        # which the emulator does not always survive. Its rate is given: on a busy machine
        # the guest measures a wrong one, and its time runs several times too fast.
        # Where programs lie at the same addresses in every process, what the emulator has translated for
        # one process serves the next: tests that start many take half the time.
        "-append",
        "console=ttyS0 panic=-1 rdinit=/init loglevel=5 mitigations=off kmemleak=off norandmaps "
        f"tsc=reliable tsc_early_khz={clock.kilohertz()}",
    ]
    drives = [(_root_image(job), "on"), (_job_image(job), "on"), (results, "off")]
    drives += [(image, "off") for image in job.disks]
    for number, (image, read_only) in enumerate(drives):
        command += [
            "-drive", f"file={image},format=raw,if=none,id=d{number},readonly={read_only}",
            "-device", f"virtio-blk-pci,drive=d{number}",
        ]
    return ["unshare", "--pid", "--fork", "--kill-child", *command]


def collect(job):
    """Unpacks what the guest wrote to the result disk; nothing when it never did."""
    image = job.folder / "results.img"
    with image.open("rb") as file:
        if not file.read(512).strip(b"\0"):
            return
    _run("tar", "-C", job.results, "--no-same-owner", "-xf", image)
