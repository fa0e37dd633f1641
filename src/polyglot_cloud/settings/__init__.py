"""Settings and credentials, from flags, the environment and `.env`. The only place that knows pydantic.

    settings = load(os.environ)                      # the process: host, limits, where the catalog is
    access = settings.credentials(catalog.providers) # each provider: key, base URL, port, models

Nothing here reads the environment on its own; nothing here shows a key.
"""

from polyglot_cloud.settings.configuration import Configuration
from polyglot_cloud.settings.credentials import Access
from polyglot_cloud.settings.problems import Level, Problem, SettingsError
from polyglot_cloud.settings.process import InForce, LogLevel, Settings, WhenRetired
from polyglot_cloud.settings.reading import load
from polyglot_cloud.settings.secret import Secret
from polyglot_cloud.settings.sources import Origin

__all__ = [
    "Access",
    "Configuration",
    "InForce",
    "Level",
    "LogLevel",
    "Origin",
    "Problem",
    "Secret",
    "Settings",
    "SettingsError",
    "WhenRetired",
    "load",
]
