# SPDX-License-Identifier: GPL-2.0-only
"""The boots, and what their consoles and disks must show."""

import pathlib
import re
import shutil
import socket
import subprocess

from runner import launch
from runner.console import Console

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
SPARECTL = PROJECT / "build" / "tools" / "sparectl"
# Far more than a boot takes, because several share the processors with the other stages.
SECONDS = 480
# Of the guest, in MiB.
MEMORY = 768
# What in-guest-sets has put on main where a block is remapped.
NEVER_READ = b"#" * 4096
# The first line of the shell that initramfs-tools gives.
SHELL = "built-in shell (ash)"
COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Failed(Exception):
    """The case failed; the text says why."""


def _names():
    lines = (HERE / "names").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


class Material:
    """What was prepared: images, initramfs, kernel; UUIDs and numbers of remapped blocks by set."""

    def __init__(self, folder, remapped):
        self.folder = folder
        self.remapped = remapped
        self.names = _names()

    def copy(self, name, folder):
        """An image of its own for a case."""
        image = folder / f"{name}.img"
        shutil.copy(self.folder / f"{name}.img", image)
        return image


class _Console(Console):
    """A console that calls `react` when it first shows a string."""

    def __init__(self, log, watched, react):
        super().__init__(log, None, watched)
        self._react = react

    def feed(self, data):
        seen = self.seen
        super().feed(data)
        if self.seen and not seen:
            self._react()


class _Boot:
    """One boot in QEMU with the emulator's own translation, with Debian's kernel and the initramfs."""

    def __init__(self, material, folder):
        self.material = material
        self.folder = folder
        self.disks = []

    def attach(self, image, serial):
        """Adds a disk that udev names /dev/disk/by-id/virtio-SERIAL."""
        number = len(self.disks)
        self.disks += [
            "-drive", f"file={image},format=raw,if=none,id=d{number}",
            "-device", f"virtio-blk-pci,drive=d{number},serial={serial}",
        ]

    def plug(self, image, serial):
        """Attaches a disk to the running guest, by QEMU's monitor."""
        words = f"drive_add 0 file={image},format=raw,if=none,id=late\n"
        words += f"device_add virtio-blk-pci,drive=late,serial={serial},bus=plug\n"
        answer = b""
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.settimeout(60)
            monitor.connect(str(self.folder / "monitor"))
            monitor.sendall(words.encode())
            # Its prompt comes before, between and behind the two.
            while answer.count(b"(qemu)") < 3:
                part = monitor.recv(4096)
                if not part:
                    raise ConnectionError(f"QEMU's monitor ended: {answer!r}")
                answer += part

    def console(self, parameters, until=None, react=None):
        """Boots to the end, or until the console shows `until`, unless `react` is to be called then; the console's text."""
        command = [
            # One processor and no device that is not needed: a second processor and the disk
            # controllers of q35 cost the emulator a third more.
            "unshare", "--pid", "--fork", "--kill-child",
            "qemu-system-x86_64", "-machine", "q35,sata=off,usb=off,smbus=off", "-nodefaults", "-accel", "tcg",
            "-cpu", "max", "-m", str(MEMORY), "-display", "none", "-serial", "stdio",
            "-monitor", f"unix:{self.folder / 'monitor'},server=on,wait=off", "-device", "pcie-root-port,id=plug",
            "-no-reboot",
            "-kernel", self.material.folder / "initrd" / "vmlinuz",
            "-initrd", self.material.folder / "initrd" / "initrd.img",
            "-append", f"console=ttyS0 root=/dev/mapper/root ro loglevel=5 mitigations=off tsc=reliable {parameters}",
            *self.disks,
        ]
        log = self.folder / "console.log"
        with log.open("wb") as file:
            console = _Console(file, until, react) if react else Console(file, None, until)
            cut = until is not None and react is None
            verdict = launch.watch([str(word) for word in command], console, SECONDS, cut, MEMORY)
        text = COLOURS.sub("", log.read_text(errors="replace"))
        if verdict == "timeout":
            raise Failed(f"the guest did not end within {SECONDS} s and was killed\n{_end(text)}")
        if verdict == "memory":
            raise Failed(f"the guest took far more of the machine's memory than its {MEMORY} MiB and was killed\n{_end(text)}")
        if console.faults:
            raise Failed("\n".join(["the kernel complained:", *console.faults]))
        return text


def _end(text):
    return "\n".join(["the end of its console:", *[f"    {line}" for line in text.splitlines()[-40:]]])


def expect(text, *patterns):
    """Each pattern must match in the text, behind the one before."""
    position = 0
    for pattern in patterns:
        match = re.compile(pattern, re.MULTILINE).search(text, position)
        if not match:
            order = " in this order" if re.search(pattern, text, re.MULTILINE) else ""
            raise Failed(f"the console does not show{order}: {pattern}\n{_end(text)}")
        position = match.end()


def expect_count(text, pattern, count):
    found = len(re.findall(pattern, text, re.MULTILINE))
    if found != count:
        raise Failed(f"the console shows {found} times and not {count} times: {pattern}\n{_end(text)}")


def check_set(main, spare):
    """The set on the images is sound, and main's remapped first block was never written."""
    done = subprocess.run(
        [SPARECTL, "check", spare, "--main", main], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, check=False,
    )
    if done.returncode:
        raise Failed(f"sparectl check exits with {done.returncode} after the boot:\n{done.stdout}")
    with main.open("rb") as file:
        if file.read(len(NEVER_READ)) != NEVER_READ:
            raise Failed("the first block of main was written although it is remapped")


def initramfs_made(material, _folder):
    """The hook puts everything into the initramfs, and tells of a kernel without the module."""
    text = (material.folder / "initrd.log").read_text()
    expect(text, r"^W: dm-spare: there is no module dm-spare for Linux 7\.3\S+, .*update-initramfs -u -k 7\.3")
    expect_count(text, r"^W: dm-spare", 1)
    for name in ("etc/dm-spare/root.conf", "scripts/local-block/dm-spare", "scripts/local-top/dm-spare",
                 r"usr/lib/modules/\S+/updates/dm-spare.ko", "usr/sbin/dmsetup", "usr/sbin/sparectl"):
        expect(text, rf"^{name}$")


def initramfs_root(material, folder):
    """The root file system is on the set, which the initramfs activates."""
    main, spare = material.copy("root.main", folder), material.copy("root.spare", folder)
    boot = _Boot(material, folder)
    boot.attach(main, "old_disk")
    boot.attach(spare, "new_disk")
    text = boot.console("panic=-1")
    _booted(text, material)
    check_set(main, spare)


def initramfs_late(material, folder):
    """The same with a spare that is attached when the initramfs has missed it."""
    main, spare = material.copy("root.main", folder), material.copy("root.spare", folder)
    boot = _Boot(material, folder)
    boot.attach(main, "old_disk")
    text = boot.console("panic=-1", until="no device holds the spare", react=lambda: boot.plug(spare, "new_disk"))
    expect(text, "no device holds the spare", r"blocks remapped")
    _booted(text, material)
    check_set(main, spare)


def _booted(text, material):
    remapped = material.remapped["root"]
    expect(
        text,
        rf"^(?:.*\.\.\. )?/dev/mapper/root: ok, 131072 sectors, {remapped} blocks remapped, 0 poisoned$",
        r"^boot-test: root device /dev/mapper/root$",
        r"^boot-test: name root$",
        rf"^boot-test: status 0 131072 spare remap ok remapped={remapped} poisoned=0 .* main=ok spare=ok",
        r"^boot-test: content right, 12 files$",
        r"^boot-test: written and read again$",
        r"^boot-test: end$",
        r"reboot: Power down",
    )


def initramfs_spare_absent(material, folder):
    """Without the spare the initramfs says once what is missing, and gives its shell when its time is over."""
    boot = _Boot(material, folder)
    boot.attach(material.copy("root.main", folder), "old_disk")
    text = boot.console("", until=SHELL)
    _missing(text, material)
    expect(text, r"^ALERT!  /dev/mapper/root does not exist.  Dropping to a shell!$")


def initramfs_other_spare(material, folder):
    """With another set's spare it is the same, and `panic=` makes the machine reboot."""
    boot = _Boot(material, folder)
    boot.attach(material.copy("root.main", folder), "old_disk")
    boot.attach(material.copy("data.spare", folder), "new_disk")
    text = boot.console("panic=1")
    _missing(text, material)
    expect(text, r"^ALERT!  /dev/mapper/root does not exist", r"^Rebooting automatically", r"reboot: Restarting system")


def _missing(text, material):
    uuid = material.names["ROOT_UUID"]
    sentence = rf"sparectl: root: no device holds the spare of set {uuid}: attach it, or correct UUID in root.conf$"
    expect(text, sentence, r"Begin: Waiting for root file system", r"^Gave up waiting for root file system device")
    expect_count(text, sentence, 1)


def systemd(material, folder):
    """The unit activates a set and a file system of fstab is mounted through it; a set whose spare is missing and a
    UUID that is not configured keep nobody from booting; at shutdown the set is removed once it is unmounted."""
    main, spare = material.copy("data.main", folder), material.copy("data.spare", folder)
    done = subprocess.run(
        ["setpriv", "--pdeathsig", "TERM", PROJECT / "tools/guest/run", "uml-debug", "--timeout", str(SECONDS), "--skip-leak-scan",
         "--image", main, "--image", spare, "--disk", "8M", "--init", "/project/tests/boot/systemd-first",
         "--result-dir", folder, "--", "systemd"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )
    if done.returncode:
        raise Failed(f"the guest's exit status is {done.returncode}:\n{done.stdout}")
    text = COLOURS.sub("", (folder / "console.log").read_text(errors="replace"))
    uuids = material.names
    data, absent, unknown = (f"dm-spare@{uuids[name]}.service" for name in ("DATA_UUID", "ABSENT_UUID", "UNKNOWN_UUID"))
    remapped = material.remapped["data"]
    expect(
        text,
        r"^boot-test: data: unit active success$",
        r"^boot-test: data: mounted /dev/mapper/data$",
        r"^boot-test: data: content right, 12 files$",
        rf"^boot-test: data: status 0 65536 spare remap ok remapped={remapped} poisoned=0 .* main=ok spare=ok",
        rf"^boot-test: order: {data} before local-fs-pre.target$",
        r"^boot-test: order: local-fs-pre.target before mnt-data.mount$",
        r"^boot-test: order: mnt-data.mount before local-fs.target$",
        r"^boot-test: absent: unit exit-code failed$",
        r"^boot-test: absent: mounted nothing$",
        r"^boot-test: unknown: unit exit-code failed$",
        r"^boot-test: targets active active active$",
        rf"^boot-test: failed {absent} {unknown}$",
        r"^boot-test: end$",
        r"^mnt-data.mount: Deactivated successfully",
        rf"^{data}: Deactivated successfully",
        r"^boot-test: mapped devices at the end: none$",
        r"reboot: Power down",
    )
    for sentence in (
        rf"no file in /etc/dm-spare has UUID={uuids['UNKNOWN_UUID']}: add NAME.conf with UUID= and MAIN=",
        rf"absent: no device holds the spare of set {uuids['ABSENT_UUID']}: attach it, or correct UUID in absent.conf",
    ):
        expect_count(text, rf"^boot-test: journal: sparectl: {sentence}$", 1)
    # By way of the journal, hence at any place among systemd's own lines.
    expect_count(text, r"sparectl\[\d+\]: data: removed$", 1)
    expect_count(text, r"sparectl: .*failed", 0)
    check_set(main, spare)


CASES = {
    "initramfs-made": initramfs_made,
    "initramfs-root": initramfs_root,
    "initramfs-late-disk": initramfs_late,
    "initramfs-spare-absent": initramfs_spare_absent,
    "initramfs-other-spare": initramfs_other_spare,
    "systemd": systemd,
}
