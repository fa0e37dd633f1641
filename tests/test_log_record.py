import logging
import time

from polyglot_cloud.log_record import Line


def test_a_line_is_a_record_as_any_other() -> None:
    before = time.time()
    line = Line("somewhere", "%s of %d", ("one", 2))
    usual = logging.LogRecord("somewhere", logging.INFO, "x", 0, "%s of %d", ("one", 2), None)
    assert vars(line).keys() == vars(usual).keys()
    assert (line.getMessage(), line.levelname, line.name) == (usual.getMessage(), "INFO", "somewhere")
    assert before <= line.created <= time.time()
    assert abs(line.created % 1 * 1000 - line.msecs) < 1e-6
    assert logging.Formatter("%(asctime)s %(name)s:%(lineno)d %(message)s").format(line).endswith("one of 2")


def test_lines_do_not_share_what_differs() -> None:
    first, second = Line("a", "x", ()), Line("b", "y", (1,))
    assert (first.name, first.msg, first.args) == ("a", "x", ())
    assert (second.name, second.msg, second.args) == ("b", "y", (1,))
