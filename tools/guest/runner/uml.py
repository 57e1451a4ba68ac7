# SPDX-License-Identifier: GPL-2.0-only
"""User-mode Linux: its root is the assembled tree itself, through hostfs."""


def prepare(job):
    """The command line that boots the guest."""
    names = [f"/dev/ubd{chr(ord('a') + number)}" for number in range(len(job.disks))]
    job.describe(names, "")
    job.index_modules((job.kernel / "include" / "config" / "kernel.release").read_text().strip())
    command = [
        job.kernel / "linux", f"mem={job.memory}M", f"ncpus={job.processors}", "seccomp=on",
        "root=/dev/root", "rootfstype=hostfs", f"rootflags={job.tree}", "ro",
        "init=/project/tools/guest/inside/first-uml",
        "con=null", "con0=fd:0,fd:1", "panic=-1", "loglevel=5",
    ]
    command += [f"ubd{number}={image}" for number, image in enumerate(job.disks)]
    return job.assembled(job.results, "env", "TMPDIR=/dev/shm", *command)


def collect(_job):
    """Results are already there: /results is the host's folder."""
