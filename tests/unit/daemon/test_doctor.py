"""The doctor's report: how a line reads, and when the verdict is bad."""

from __future__ import annotations

from fairlead.daemon import doctor
from fairlead.daemon.checks.finding import Packages, missing, note, ok


def test_report_says_ok_missing_and_how_to_mend() -> None:
    packages = Packages(apt="crun", dnf="crun", apk="crun", pacman="crun")
    text = doctor.render([("programs", [ok("conmon", "2.1.6"), missing("crun", "not found", f"install {packages}")])])
    assert text == (
        "programs\n"
        "  ok       conmon                     2.1.6\n"
        "  missing  crun                       not found\n"
        "           mend: install apt: crun, dnf: crun, apk: crun, pacman: crun\n"
    )


def test_only_something_needed_makes_the_verdict_bad() -> None:
    optional = missing("mmdebstrap", "not found", "install it", needed=False)
    assert doctor.verdict([ok("crun"), note("rights", "not root"), optional]) == "ready (1 optional missing)"
    assert doctor.verdict([missing("crun", "not found", "install it"), optional]) == "1 needed missing: crun"
