from pathlib import Path

import pytest
from benchmarks.gateway.peers import MASTER_KEY, litellm_configuration, portkey
from benchmarks.gateway.scenarios import MODELS, SCENARIOS, Scenario
from benchmarks.gateway.tools import Door, Load, Tools, Upstream, tools

DOOR = Door(8100, "/v1/chat/completions", "openai/", {"Authorization": "Bearer x"})


def test_the_generator_in_c_and_ours_are_told_the_same() -> None:
    load = Load(64, rate=1000)
    in_c = Tools(Path("/built"))._command(DOOR, "body", load, 4, 7)
    assert in_c[:8] == ["/built/lg", "-j", "-p", "8100", "-u", DOOR.path, "-b", "body"]
    assert in_c[8:] == ["-H", "Authorization: Bearer x", "-c", "64", "-w", "1.0", "-d", "4", "-r", "1000", "-P", "7"]
    ours = Tools(None)._command(DOOR, "body", load, 4, 7)
    assert ours[3:8] == ["8100", DOOR.path, "body", "--header", "Authorization: Bearer x"]
    assert ours[8:] == [*("--connections", "64", "--warm-up", "1.0", "--seconds", "4"), "--rate", "1000", "--pid", "7"]


def test_a_process_id_is_written_out() -> None:
    assert "1234567" in Tools(None)._command(DOOR, "body", Load(1), 4, 1_234_567)


def test_a_ramp_is_part_of_the_warm_up() -> None:
    assert Load(1000, ramp=500).warm_up == 3.0
    assert Load(64).warm_up == 1.0


def test_without_the_folder_ours_serve(tmp_path: Path) -> None:
    with tools(tmp_path / "none") as found:
        assert found.built is None


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: f"{each.part} {each.name} {each.where}")
def test_every_model_is_one_that_litellm_is_told_of(scenario: Scenario) -> None:
    configured = litellm_configuration(MODELS, Upstream(9100))["model_list"]
    assert isinstance(configured, list)
    names = {each["model_name"] for each in configured}
    assert f"{scenario.door}/{scenario.model}" in names


def test_portkey_is_told_by_headers_where_to_forward_to(tmp_path: Path) -> None:
    launch = portkey(tmp_path).launch(Upstream(9100))
    assert launch.doors["anthropic"].headers["x-portkey-provider"] == "anthropic"
    assert launch.doors["anthropic"].headers["x-portkey-custom-host"] == "http://127.0.0.1:9100/v1"


def test_the_master_key_is_none_that_litellm_refuses() -> None:
    assert MASTER_KEY.startswith("sk-")
    assert MASTER_KEY != "sk-1234"
