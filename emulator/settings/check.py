"""What only the whole file can show: names that must exist, ports and subnets that must not meet."""

from __future__ import annotations

import stat
from collections.abc import Callable
from ipaddress import IPv4Network
from pathlib import Path

from emulator.settings.model import Image, Service, Settings
from emulator.settings.values import Spot, closest, quoted

LOOPBACK = IPv4Network("127.0.0.0/24")


def whole_file(settings: Settings) -> list[str]:
    """The problems between the parts of a file whose parts are right by themselves."""
    problems: list[str] = []
    top = Spot(problems)
    for service in settings.services:
        check_service(service, settings, top.at("services").at(service.name))
    check_ports(settings, top)
    check_subnets(settings, top)
    check_folders(settings, top)
    return problems


def check_service(service: Service, settings: Settings, spot: Spot) -> None:
    networks = tuple(network.name for network in settings.networks)
    volumes = tuple(volume.name for volume in settings.volumes)
    for index, name in enumerate(service.networks):
        if name not in networks:
            undefined(spot.at("networks").at(index), "network", name, networks)
    seen: set[str] = set()
    for index, mount in enumerate(service.mounts):
        place = spot.at("mounts").at(index)
        if mount.type == "bind":
            check_exists(place, Path(mount.source))
        elif mount.source not in volumes:
            undefined(place, "volume", mount.source, volumes)
        if mount.target in seen:
            place.add(f"{mount.target} is already the target of another mount")
        seen.add(mount.target)
    check_image(service, settings, spot)
    if service.mode == "global" and service.replicas != 1:
        spot.at("replicas").add('means nothing where mode is "global"')
    if service.endpoint_mode == "dnsrr" and any(port.mode == "ingress" for port in service.ports):
        spot.at("endpoint_mode").add('a port published in ingress mode needs endpoint_mode "vip"')


def check_image(service: Service, settings: Settings, spot: Spot) -> None:
    names = tuple(image.name for image in settings.images)
    image = image_of(service, settings)
    if image is None and repository(service.image) != "nginx":
        undefined(spot.at("image"), "image", service.image, (*names, "nginx"))
    elif image is not None and not (service.command or image.command or image.entrypoint):
        spot.at("command").add(f"is missing, as the image {quoted(image.name)} has none either")


def image_of(service: Service, settings: Settings) -> Image | None:
    """The section of a service's image: by its full name, else by its name without a tag."""
    known = {image.name: image for image in settings.images}
    return known.get(service.image) or {repository(name): known[name] for name in known}.get(
        repository(service.image)
    )


def repository(image: str) -> str:
    """An image's short name without tag and digest: docker.io/library/nginx:1.27 is nginx."""
    head, slash, last = image.partition("@")[0].rpartition("/")
    name = head + slash + last.partition(":")[0]
    return name.removeprefix("docker.io/").removeprefix("library/")


def undefined(spot: Spot, what: str, name: str, known: tuple[str, ...]) -> None:
    near = closest(name, known)
    if near:
        spot.add(f"{what} {quoted(name)} is not defined, did you mean {quoted(near)}?")
    elif what == "volume" and "/" in name:
        spot.add(f"{quoted(name)} cannot be a volume's name; a path needs type=bind")
    else:
        section = Spot([], Spot([]), what + "s").at(name).path
        spot.add(f"{what} {quoted(name)} is not defined, expected a section [{section}]")


def check_ports(settings: Settings, top: Spot) -> None:
    """Every published port once: there is one machine."""
    owners: dict[int, str] = {}
    for service in settings.services:
        for index, port in enumerate(service.ports):
            if port.published and port.published in owners:
                owner = quoted(owners[port.published])
                spot = top.at("services").at(service.name).at("ports").at(index)
                spot.add(f"port {port.published} is already published by service {owner}")
            owners.setdefault(port.published, service.name)


def check_subnets(settings: Settings, top: Spot) -> None:
    """No two networks on one address, neither their own nor as projected onto loopback."""
    subnets = [(n.name, IPv4Network(n.subnet)) for n in settings.networks if n.subnet]
    on_loopback = settings.emulator.addressing == "loopback"
    for index, (name, subnet) in enumerate(subnets):
        spot = top.at("networks").at(name).at("subnet")
        if on_loopback and projected(subnet).overlaps(LOOPBACK):
            spot.add(f"{subnet} would be projected onto 127.0.0.0/24, where this machine itself listens")
        for other, earlier in subnets[:index]:
            if subnet.overlaps(earlier):
                spot.add(f"{subnet} overlaps {earlier} of network {quoted(other)}")
            elif on_loopback and projected(subnet).overlaps(projected(earlier)):
                spot.add(f"{subnet} has the same loopback addresses as {earlier} of network {quoted(other)}")


def projected(subnet: IPv4Network) -> IPv4Network:
    """The subnet with 127 as its first octet."""
    address = int(subnet.network_address) & 0x00FFFFFF | 127 << 24
    return IPv4Network((address, subnet.prefixlen))


def check_folders(settings: Settings, top: Spot) -> None:
    for image in settings.images:
        if image.folder is not None:
            spot = top.at("images").at(image.name).at("folder")
            if check_exists(spot, image.folder) and not stands(image.folder, stat.S_ISDIR):
                spot.add(f"{named(image.folder)} is not a folder")
        for target, path in image.paths:
            check_exists(top.at("images").at(image.name).at("paths").at(target), path)
    for volume in settings.volumes:
        if volume.path is not None and stands(volume.path) and not stands(volume.path, stat.S_ISDIR):
            top.at("volumes").at(volume.name).at("path").add(f"{named(volume.path)} is not a folder")


def check_exists(spot: Spot, path: Path) -> bool:
    if stands(path):
        return True
    siblings = (
        tuple(entry.name for entry in path.parent.iterdir()) if stands(path.parent, stat.S_ISDIR) else ()
    )
    near = closest(path.name, siblings)
    meant = f", did you mean {named(path.parent / near)}?" if near else ""
    spot.add(f"{named(path)} does not exist{meant}")
    return False


def named(path: Path) -> str:
    return quoted(str(path), 1000)


def stands(path: Path, of_type: Callable[[int], bool] = bool) -> bool:
    """Whether something readable is there; a name too long for the file system is nothing."""
    try:
        return of_type(path.stat().st_mode)
    except OSError:
        return False
