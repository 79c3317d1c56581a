"""Settings from the environment, by the same names as the built-in worker's."""

import base64
import binascii
import os
import socket
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Settings:
    """Everything that can be set."""

    orchestration: str
    service_key: bytes = field(repr=False)
    storage_url: str
    storage: dict = field(repr=False)
    name: str
    labels: tuple
    slots: int
    drain_seconds: float

    @staticmethod
    def from_environment(env=os.environ) -> "Settings":
        """Reads and checks the settings; a ValueError names the one that is wrong."""
        storage = {
            name: env[f"TRINITY_STORAGE_{name.upper()}"]
            for name in ("endpoint", "region", "access_key_id", "secret_access_key", "session_token", "virtual_hosted")
            if env.get(f"TRINITY_STORAGE_{name.upper()}")
        }
        labels = tuple(word.strip() for word in env.get("TRINITY_WORKER_LABELS", "python").split(",") if word.strip())
        return Settings(
            orchestration=_address(_required(env, "TRINITY_PEERS_ORCHESTRATION")),
            service_key=_key(_required(env, "TRINITY_SERVICE_KEY")),
            storage_url=_required(env, "TRINITY_WORKER_STORAGE_URL"),
            storage=storage,
            name=env.get("TRINITY_WORKER_NAME", f"{socket.gethostname()}-python-{os.getpid()}"),
            labels=labels,
            slots=int(env.get("TRINITY_WORKER_SLOTS", "2")),
            drain_seconds=int(env.get("TRINITY_WORKER_DRAIN_MS", "15000")) / 1000,
        )


def _required(env, name: str) -> str:
    value = env.get(name, "").strip()
    if not value:
        raise ValueError(f"the setting {name} is missing")
    return value


def _address(url: str) -> str:
    if not url.startswith("http://"):
        raise ValueError("the setting TRINITY_PEERS_ORCHESTRATION is a URL such as http://orchestration:7000")
    return url.removeprefix("http://").rstrip("/")


def _key(text: str) -> bytes:
    try:
        seed = base64.b64decode(text, validate=True)
    except binascii.Error:
        seed = b""
    if len(seed) != 32:
        raise ValueError("the setting TRINITY_SERVICE_KEY is not 32 bytes in base64")
    return seed
