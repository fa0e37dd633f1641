"""kill -9 under load: each answer that a client got has its row, nothing is overspent, and the ledger is what was written."""

from pathlib import Path

from end_to_end.killing import Siege

KILLS = 3


def test_what_clients_got_stands_in_the_ledger_whenever_the_process_is_killed(tmp_path: Path) -> None:
    siege = Siege(tmp_path, "0.60", seed=11)
    for _ in range(KILLS):
        siege.kill_once(most=100)
    siege.finish()
    assert siege.seen.answers > KILLS
    assert siege.swept > 0
    assert "a flipped byte" in siege.check_tampering()
