import time

from polyglot_cloud.swarm.moments import now, sqlite_stamp, stamp


def test_moments_as_the_services_write_them() -> None:
    assert stamp(0) == "1970-01-01T00:00:00.000000"
    assert stamp(1_795_449_330_000_005) == "2026-11-23T15:55:30.000005"
    assert sqlite_stamp(1_795_449_330_999_999) == "2026-11-23 15:55:30"


def test_now_is_in_microseconds() -> None:
    assert abs(now() - time.time() * 1e6) < 60e6
