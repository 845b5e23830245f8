"""The record of services that the API is built from. Made in daemon/app.py; holds nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from fairlead.engine.bootstrap import Bootstrap
from fairlead.engine.build.builder import Builder
from fairlead.engine.commit import Committer
from fairlead.engine.containers import Containers
from fairlead.engine.copy import Copier
from fairlead.engine.diff import Changes
from fairlead.engine.events import Events
from fairlead.engine.exec import Execs
from fairlead.engine.healing import Healer
from fairlead.engine.images import Images
from fairlead.engine.networks import Networks
from fairlead.engine.registries import Registries
from fairlead.engine.stats import Stats
from fairlead.engine.system import System
from fairlead.engine.volumes import Volumes


@dataclass(frozen=True, slots=True)
class Engine:
    containers: Containers
    execs: Execs
    copier: Copier
    changes: Changes
    committer: Committer
    stats: Stats
    images: Images
    builder: Builder
    bootstrap: Bootstrap
    registries: Registries
    networks: Networks
    healer: Healer
    volumes: Volumes
    events: Events
    system: System
