"""The flags of `service create` and `service update`: what a service is, and how it is changed."""

from __future__ import annotations

from emulator.cli.docker.pflag import Flag
from emulator.cli.docker.verb import DETACH, NO_PROGRESS

# Flags of both verbs.
BOTH = (
    DETACH,
    Flag("endpoint-mode", "", "string", "Reach it by one virtual address, or by names alone: vip or dnsrr"),
    Flag("entrypoint", "", "command", "Run this instead of the image's entrypoint"),
    Flag("health-cmd", "", "string", "The command that tells by its exit code whether a task is healthy"),
    Flag("health-interval", "", "health", "The time between two checks"),
    Flag("health-retries", "", "int", "So many failures in a row make a task unhealthy"),
    Flag("health-start-interval", "", "health", "The time between two checks while the task starts"),
    Flag("health-start-period", "", "health", "The time in which failures do not count"),
    Flag("health-timeout", "", "health", "The longest that one check may take"),
    Flag("hostname", "", "string", "The container's name for itself"),
    Flag("init", "", "bool", "Put an init in front of the command"),
    Flag("isolation", "", "string", "How containers are kept apart (Windows)"),
    Flag("limit-cpu", "", "decimal", "The most processors that a task may use"),
    Flag("limit-memory", "", "bytes", "The most memory that a task may use"),
    Flag("limit-pids", "", "int", "The most processes that a task may have"),
    Flag("log-driver", "", "string", "Where logs go"),
    Flag("log-opt", "", "list", "An option of the log driver"),
    Flag("max-concurrent", "", "uint", "The most tasks of a job at the same time"),
    Flag("no-healthcheck", "", "bool", "Do without the image's health check"),
    Flag("no-resolve-image", "", "bool", "Do not ask a registry for the image's digest"),
    Flag("oom-score-adj", "", "int", "The kernel's preference when memory runs out"),
    NO_PROGRESS,
    Flag("read-only", "", "bool", "The container's own files cannot be written"),
    Flag("replicas", "", "uint", "The number of tasks"),
    Flag("replicas-max-per-node", "", "uint", "The most tasks on one node"),
    Flag("reserve-cpu", "", "decimal", "The processors that a node must have left"),
    Flag("reserve-memory", "", "bytes", "The memory that a node must have left"),
    Flag("restart-condition", "", "string", "Which ends are followed by a new task: none, on-failure or any"),
    Flag("restart-delay", "", "duration", "The time before the new task"),
    Flag("restart-max-attempts", "", "uint", "The most new tasks, for ever or within the window"),
    Flag("restart-window", "", "duration", "The time in which attempts are counted"),
    Flag("rollback-delay", "", "duration", "The time between two steps of a rollback"),
    Flag("rollback-failure-action", "", "string", "After a failure on the way back: pause or continue"),
    Flag("rollback-max-failure-ratio", "", "float", "The share of failures that a rollback bears"),
    Flag("rollback-monitor", "", "duration", "How long a task of a rollback is watched"),
    Flag("rollback-order", "", "string", "start-first or stop-first"),
    Flag("rollback-parallelism", "", "uint", "So many tasks at once; 0 is all"),
    Flag("stop-grace-period", "", "duration", "The time from the stop signal to the kill"),
    Flag("stop-signal", "", "string", "The signal that asks a task to stop"),
    Flag("tty", "t", "bool", "Give the task a terminal"),
    Flag("update-delay", "", "duration", "The time between two steps of an update"),
    Flag("update-failure-action", "", "string", "After a failure: pause, continue or rollback"),
    Flag("update-max-failure-ratio", "", "float", "The share of failures that an update bears"),
    Flag("update-monitor", "", "duration", "How long a new task is watched"),
    Flag("update-order", "", "string", "start-first or stop-first"),
    Flag("update-parallelism", "", "uint", "So many tasks at once; 0 is all"),
    Flag("user", "u", "string", "The user that runs the command"),
    Flag("with-registry-auth", "", "bool", "Pass the registry's login on"),
    Flag("workdir", "w", "string", "The folder in which the command starts"),
)

# What there can be many of: the flag of create with its short form, its kind, the stem of the flags of update
# (--STEM-add and --STEM-rm), and what it is.
MANY = (
    ("cap-add", "", "list", "", "A capability more"),
    ("cap-drop", "", "list", "", "A capability less"),
    ("config", "", "list", "config", "A config object"),
    ("constraint", "", "list", "constraint", "A condition for nodes"),
    ("container-label", "", "list", "container-label", "A label of the containers"),
    ("credential-spec", "", "string", "", "A managed account (Windows)"),
    ("dns", "", "list", "dns", "A name server"),
    ("dns-option", "", "list", "dns-option", "An option of the resolver"),
    ("dns-search", "", "list", "dns-search", "A domain in which names are looked for"),
    ("env", "e", "env", "env", "A variable of the environment"),
    ("generic-resource", "", "list", "generic-resource", "A resource by its name"),
    ("group", "", "list", "group", "A group more for the user"),
    ("host", "", "hosts", "host", "An entry in /etc/hosts, NAME:ADDRESS"),
    ("label", "l", "list", "label", "A label of the service"),
    ("mount", "", "mount", "mount", "A volume or a folder of this machine in the container"),
    ("network", "", "network", "network", "A network to be in"),
    ("placement-pref", "", "pref", "placement-pref", "How tasks are spread"),
    ("publish", "p", "port", "publish", "A port of this machine that leads to one of the service"),
    ("secret", "", "list", "secret", "A secret"),
    ("sysctl", "", "list", "sysctl", "A setting of the kernel"),
    ("ulimit", "", "list", "ulimit", "A limit of processes"),
)

CREATE = (
    *BOTH,
    *(Flag(name, short, kind, said) for name, short, kind, _, said in MANY),
    Flag("env-file", "", "list", "A file of variables, one a line"),
    Flag("mode", "", "string", "replicated or global"),
    Flag("name", "", "string", "The service's name"),
)

UPDATE = (
    *BOTH,
    *(
        Flag(f"{stem}-add", "", kind, f"Add or change: {said[0].lower()}{said[1:]}")
        for _, _, kind, stem, said in MANY
        if stem
    ),
    *(
        Flag(f"{stem}-rm", "", kind if kind == "pref" else "list", f"Take away: {said[0].lower()}{said[1:]}")
        for _, _, kind, stem, said in MANY
        if stem
    ),
    *(Flag(name, short, kind, said) for name, short, kind, stem, said in MANY if not stem),
    Flag("args", "", "command", "The words after the entrypoint"),
    Flag("force", "", "bool", "Replace the tasks even where nothing has changed"),
    Flag("image", "", "string", "Another image"),
    Flag("rollback", "", "bool", "Go back to what it was before the last update"),
)

# Objects that this swarm does not keep.
NOT_EMULATED = ("config", "secret", "credential-spec", "config-add", "secret-add")
