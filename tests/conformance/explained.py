"""Differences from Docker's definitions that are right: Docker's engine answers so too (`--target=docker` shows it),
and its clients rely on it. Each with its reason; what no line here explains fails the run."""

from __future__ import annotations

import re

NIL = "Docker's engine writes null where a Go slice, map or pointer is empty, and so do we"
UNLISTED = "Docker says 400 to what is wrong, 404 to what is not there, 409 to conflicts; some definitions leave it out"
ABSENT = "What this engine has not (swarm mode, plugins, BuildKit) is refused with 501 and says so"

_HOST_CONFIG = (
    "Binds|CapAdd|CapDrop|DeviceCgroupRules|DeviceRequests|ExtraHosts|GroupAdd|Links|MaskedPaths|MemorySwappiness"
    "|OomKillDisable|PidsLimit|ReadonlyPaths|SecurityOpt|VolumesFrom"
)

EXPLAINED: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), why)
    for pattern, why in (
        (r"\.Networks\.\*\.(Aliases|DNSNames|Links): null where array", NIL),
        (r"\.Config\.(Cmd|Entrypoint|OnBuild|Volumes): null where", NIL),
        (r"^GET /images/\{name\}/json: \.Config\.(Env|Labels): null where", NIL),
        (rf"^GET /containers/\{{id\}}/json: \.HostConfig\.({_HOST_CONFIG}): null where", NIL),
        (r"^GET /containers/\{id\}/json: \.ExecIDs: null where", NIL),
        (r"^GET /exec/\{id\}/json: \.ExitCode: null where", NIL),
        (r"^GET /(images/json: \[\]|system/df: \.Images\[\])\.Labels: null where object", NIL),
        (r"^GET /images/\{name\}/history: \[\]\.Tags: null where array", NIL),
        (r"^GET /info: \.(GenericResources|Plugins\.Authorization|Warnings): null where array", NIL),
        (r"^GET /networks(/\{id\}: |: \[\])\.IPAM\.(Config|Options): null where", NIL),
        (r"^(GET /volumes/\{name\}|POST /volumes/create): \.(Labels|Options): null where object", NIL),
        (r"^GET /(volumes|system/df): \.Volumes\[\]\.(Labels|Options): null where object", NIL),
        (r"^(GET /volumes|POST /containers/\{id\}/update): \.Warnings: null where array", NIL),
        (r"^POST /images/prune: \.ImagesDeleted: null where array", NIL),
        (r"^POST /build/prune: \.CachesDeleted: null where array", NIL),
        (r"^GET /containers/\{id\}/changes: \.: null where array", NIL),
        (r"^GET /containers/\{id\}/stats: \.blkio_stats\.\w+: null where array", NIL),
        (r"^POST /(containers/\{id\}/(exec|kill|rename|update)|exec/\{id\}/start): status 400 is not", UNLISTED),
        (r"^POST /(containers/prune|images/load|volumes/create): status 400 is not", UNLISTED),
        (r"^GET /(networks|volumes): status 400 is not", UNLISTED),
        (r"^(GET /images/get|POST /images/load|POST /volumes/create): status 404 is not", UNLISTED),
        (r"^POST /containers/\{id\}/(pause|resize|unpause): status 409 is not", UNLISTED),
        (r"^POST /(networks/create|exec/\{id\}/resize): status 409 is not", UNLISTED),
        (r"^GET /containers/\{id\}/logs: status 501 is not", "A log that its driver cannot read is 501, as in Docker"),
        (r"^\w+ /(swarm/(init|join)|plugins/(privileges|create)|session): status 501 is not", ABSENT),
        (r"^POST /swarm/leave: status 406 is not", "Docker answers 406 to whoever is in no swarm; it is left out"),
        (r"NetworkSettings\.Ports: object where array", "Early definitions call the map of ports an array"),
        (r"RestartPolicy\.Name: \"no\" is none", "Early definitions leave out the policy `no`"),
        (r"^POST /exec/\{id\}/start: status 101 is not", "The upgrade of a connection is left out of the definitions"),
    )
)
