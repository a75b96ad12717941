"""Apache Kafka's own jars, brought once by Maven and kept in a folder of the user's cache; and the Java to run them."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Final

POM: Final = Path(__file__).with_name("pom.xml")
OLDEST_JAVA: Final = 17
_DOWNLOAD_SECONDS: Final = 300
_INSTALL: Final = "e.g. apt-get install --no-install-recommends openjdk-17-jre-headless maven"


class BrokerUnavailable(Exception):
    """There is no broker; the message says why."""


class ToolsMissing(BrokerUnavailable):
    """Java or Maven is not there, or too old; the message is one line that says what to install."""


def version() -> str:
    """The version of Kafka that the jars are, as in the name of its image."""
    names = {"m": "http://maven.apache.org/POM/4.0.0"}
    for dependency in ET.parse(POM).iterfind(".//m:dependency", names):  # noqa: S314 - our own file
        if dependency.findtext("m:groupId", namespaces=names) == "org.apache.kafka":
            return dependency.findtext("m:version", "", names)
    raise BrokerUnavailable(f"{POM} does not name Kafka")


def java() -> str:
    """Path of a Java that is new enough. Raises BrokerUnavailable."""
    home = os.environ.get("JAVA_HOME")
    path = shutil.which("java", path=str(Path(home, "bin"))) if home else None
    path = path or shutil.which("java")
    if path is None:
        raise ToolsMissing(f"a Kafka broker without Docker needs Java {OLDEST_JAVA} or newer and Maven: {_INSTALL}")
    said = subprocess.run([path, "-version"], capture_output=True, text=True, check=False, timeout=60).stderr  # noqa: S603
    found = re.search(r'version "(\d+)', said)
    if found is None or int(found[1]) < OLDEST_JAVA:
        raise ToolsMissing(
            f"{path} is {said.partition(chr(10))[0] or 'no Java'}: Java {OLDEST_JAVA} or newer is needed: {_INSTALL}"
        )
    return path


def jars() -> Path:
    """The folder with the jars that the pom names, brought if they are not there yet.

    Needs Maven and its repository only the first time for a pom. Raises BrokerUnavailable.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ota-cm" / "kafka"
    folder = cache / hashlib.sha256(POM.read_bytes()).hexdigest()[:16]
    if folder.exists():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        # Tests of several processes want them at the same moment: the others wait here for the one that brings them.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            unfinished = folder.with_suffix(".new")
            shutil.rmtree(unfinished, ignore_errors=True)
            _bring(unfinished)
            unfinished.rename(folder)  # a folder with the final name is whole
    return folder


def _bring(folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise ToolsMissing(f"Maven is needed to bring Kafka's jars: {_INSTALL}")
    copy = [maven, "-q", "-B", "-f", str(POM), "dependency:copy-dependencies"]
    copy += ["-DincludeScope=runtime", f"-DoutputDirectory={folder}"]
    try:
        done = subprocess.run(copy, capture_output=True, text=True, check=False, timeout=_DOWNLOAD_SECONDS)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise BrokerUnavailable(f"Maven did not bring Kafka's jars within {_DOWNLOAD_SECONDS} s") from None
    if done.returncode != 0 or not any(folder.glob("kafka_*.jar")):
        reason = next((line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line), "no reason given")
        raise BrokerUnavailable(f"Maven could not bring Kafka's jars: {reason}")
