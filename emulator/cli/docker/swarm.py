"""`swarm`: init, join-token, leave, update, ca, unlock-key (docker/cli, cli/command/swarm/)."""

from __future__ import annotations

from typing import Any

from emulator.cli.docker.pflag import Flag, Words
from emulator.cli.docker.verb import NONE, ONE, Refused, Verb
from emulator.client import Engine

Object = dict[str, Any]

JOIN = """To add a {0} to this swarm, run the following command:

    docker swarm join --token {1} {2}
"""


def init(engine: Engine, words: Words) -> int:
    wanted = {
        "ListenAddr": words.get("listen-addr", "0.0.0.0:2377"),
        "AdvertiseAddr": words.get("advertise-addr", ""),
        "DataPathAddr": words.get("data-path-addr", ""),
        "DataPathPort": words.get("data-path-port", 0),
        "ForceNewCluster": words.get("force-new-cluster", False),
        "Spec": _spec({"Labels": None, "EncryptionConfig": {}, "TaskDefaults": {}}, words),
        "AutoLockManagers": words.get("autolock", False),
        "Availability": words.get("availability", ""),
        "DefaultAddrPool": words.get("default-addr-pool", []),
        "SubnetSize": words.get("default-addr-pool-mask-length", 24),
    }
    node = engine.post("/swarm/init", wanted)
    print(f"Swarm initialized: current node ({node}) is now a manager.\n")
    print(_how_to_join(engine, "worker", node))
    print(
        "To add a manager to this swarm, run 'docker swarm join-token manager' and follow the instructions."
    )
    return 0


def _spec(spec: Object, words: Words) -> Object:
    rows = {
        "task-history-limit": ("Orchestration", "TaskHistoryRetentionLimit"),
        "dispatcher-heartbeat": ("Dispatcher", "HeartbeatPeriod"),
        "cert-expiry": ("CAConfig", "NodeCertExpiry"),
        "snapshot-interval": ("Raft", "SnapshotInterval"),
        "max-snapshots": ("Raft", "KeepOldSnapshots"),
        "autolock": ("EncryptionConfig", "AutoLockManagers"),
    }
    for flag, (table, key) in rows.items():
        spec.setdefault(table, {})
        if flag in words:
            spec[table][key] = words.get(flag)
    return spec


def _how_to_join(engine: Engine, role: str, node: str) -> str:
    found = engine.get(f"/nodes/{node}")
    token = engine.get("/swarm")["JoinTokens"][role.capitalize()]
    return JOIN.format(role, token, (found.get("ManagerStatus") or {}).get("Addr", ""))


def join_token(engine: Engine, words: Words) -> int:
    role = words.rest[0]
    if role not in ("worker", "manager"):
        raise Refused(f"unknown role {role}")
    quiet = words.get("quiet")
    if words.get("rotate"):
        found = engine.get("/swarm")
        rotated = {
            f"rotate{kind}Token": str(kind == role.capitalize()).lower() for kind in ("Worker", "Manager")
        }
        engine.post("/swarm/update", found["Spec"], version=str(found["Version"]["Index"]), **rotated)
        if not quiet:
            print(f"Successfully rotated {role} join token.\n")
    if quiet:
        print(engine.get("/swarm")["JoinTokens"][role.capitalize()])
        return 0
    # A swarm that is none is refused by its own address, not by what /info knows.
    engine.get("/swarm")
    print(_how_to_join(engine, role, engine.get("/info")["Swarm"]["NodeID"]))
    return 0


def leave(engine: Engine, words: Words) -> int:
    engine.post("/swarm/leave", None, **({"force": "1"} if words.get("force") else {}))
    print("Node left the swarm.")
    return 0


def update(engine: Engine, words: Words) -> int:
    found = engine.get("/swarm")
    turned = {f"rotate{kind}": "false" for kind in ("ManagerToken", "ManagerUnlockKey", "WorkerToken")}
    engine.post(
        "/swarm/update", _spec(found["Spec"], words), version=str(found["Version"]["Index"]), **turned
    )
    print("Swarm updated.")
    return 0


def certificate(engine: Engine, words: Words) -> int:
    root = (engine.get("/swarm").get("TLSInfo") or {}).get("TrustRoot", "")
    if not root:
        raise Refused("No CA information available")
    print(root.rstrip("\n"))
    return 0


def join(engine: Engine, words: Words) -> int:
    wanted = {
        "ListenAddr": words.get("listen-addr", "0.0.0.0:2377"),
        "AdvertiseAddr": words.get("advertise-addr", ""),
        "DataPathAddr": words.get("data-path-addr", ""),
        "RemoteAddrs": words.rest,
        "JoinToken": words.get("token", ""),
        "Availability": words.get("availability", ""),
    }
    engine.post("/swarm/join", wanted)
    return 0


def unlock(engine: Engine, words: Words) -> int:
    """As runUnlock, which first looks whether there is anything to unlock."""
    state = engine.get("/info")["Swarm"]["LocalNodeState"]
    if state == "inactive":
        raise Refused("Error: This node is not part of a swarm")
    raise Refused("Error: swarm is not locked")


def unlock_key(engine: Engine, words: Words) -> int:
    key = (engine.get("/swarm/unlockkey") or {}).get("UnlockKey")
    if not key:
        raise Refused("no unlock key is set")
    print(key)
    return 0


UPDATE = (
    Flag("autolock", "", "bool", "Ask for a key when a manager starts"),
    Flag("cert-expiry", "", "duration", "How long nodes' certificates are good"),
    Flag("dispatcher-heartbeat", "", "duration", "How often nodes say that they live"),
    Flag("max-snapshots", "", "uint", "How many old snapshots of Raft are kept"),
    Flag("snapshot-interval", "", "uint", "The entries between two snapshots of Raft"),
    Flag("task-history-limit", "", "int", "How many tasks of a slot are kept"),
)
INIT = (
    *UPDATE,
    Flag("advertise-addr", "", "string", "The address that other nodes are told"),
    Flag("availability", "", "string", "active, pause, or drain: whether it takes tasks"),
    Flag("data-path-addr", "", "string", "The address for the tasks' traffic"),
    Flag("data-path-port", "", "uint", "The port for the tasks' traffic"),
    Flag("default-addr-pool", "", "strings", "Where subnets come from"),
    Flag("default-addr-pool-mask-length", "", "uint", "How long the prefix of such a subnet is"),
    Flag("force-new-cluster", "", "bool", "Begin again from what this node knows"),
    Flag("listen-addr", "", "string", "The address for other nodes"),
)
JOIN_FLAGS = (
    *(
        flag
        for flag in INIT
        if flag.name in ("advertise-addr", "availability", "data-path-addr", "listen-addr")
    ),
    Flag("token", "", "string", "The token that the swarm gave"),
)
VERBS = (
    Verb("swarm ca", "", "Print the certificate of the swarm's authority", certificate),
    Verb("swarm init", "", "Begin a swarm with this node", init, NONE, INIT),
    Verb("swarm join", "HOST:PORT", "Refused: this swarm has one node", join, ONE, JOIN_FLAGS),
    Verb(
        "swarm join-token",
        "(worker|manager)",
        "Print how another node would join",
        join_token,
        ONE,
        (Flag("quiet", "q", "bool", "Print the token alone"), Flag("rotate", "", "bool", "Make a new one")),
    ),
    Verb(
        "swarm leave",
        "",
        "Leave the swarm",
        leave,
        NONE,
        (Flag("force", "f", "bool", "Even as its last manager"),),
    ),
    Verb("swarm unlock", "", "Refused: no swarm here is locked", unlock),
    Verb("swarm unlock-key", "", "Print the key of a locked swarm", unlock_key),
    Verb("swarm update", "", "Change the swarm", update, NONE, UPDATE),
)
