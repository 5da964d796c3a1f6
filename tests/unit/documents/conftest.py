"""Generated texts are judged by what happens, not by how busy the machine is."""

from hypothesis import HealthCheck, settings

settings.register_profile("documents", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("documents")
