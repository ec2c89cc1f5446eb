"""What the swarm refuses, as Docker's engine answers it: an HTTP status and a message."""

from __future__ import annotations

from .model import Service

_GRPC = {
    "AlreadyExists": 409,
    "FailedPrecondition": 400,
    "InvalidArgument": 400,
    "NotFound": 404,
    "Unimplemented": 501,
    "Unknown": 500,
}


class SwarmError(Exception):
    """A refusal; `str()` is Docker's message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Broken(Exception):
    """The journal cannot be read or written; one line that says why."""


def refused(code: str, words: str) -> SwarmError:
    """swarmkit's own errors come with their gRPC code."""
    return SwarmError(_GRPC[code], f"rpc error: code = {code} desc = {words}")


def not_found(kind: str, reference: str) -> SwarmError:
    """Of a service, task, network or node."""
    return SwarmError(404, f"{kind} {reference} not found")


def ambiguous(kind: str, reference: str, matches: int) -> SwarmError:
    return SwarmError(400, f"{kind} {reference} is ambiguous ({matches} matches found)")


def port_taken(published: int, other: Service, mode: str) -> SwarmError:
    how = "an ingress port" if mode == "ingress" else "a host-published port"
    words = f"port '{published}' is already in use by service '{other.name}' ({other.id}) as {how}"
    return refused("InvalidArgument", words)
