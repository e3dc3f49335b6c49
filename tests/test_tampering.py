"""What is damaged raises an error or is used; nothing that was done to an object ends the process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")


def tamper(*arguments):
    """What tests/tamper.py writes."""
    script = Path(__file__).with_name("tamper.py")
    done = subprocess.run(
        [sys.executable, "-P", script, *map(str, arguments)],
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)


def assert_nothing_was_killed(tries, seed):
    result = tamper("flips", tries, seed)
    print(result)
    assert result["killed"] == []
    assert result["used"] + sum(result["others"].values()) == tries
    assert 0.2 * tries < result["used"] < 0.8 * tries  # damage there was, and it was used
    return result


def test_flipped_bits():
    assert_nothing_was_killed(200, seed=0)


@pytest.mark.slow
def test_many_flipped_bits(capsys):
    results = [assert_nothing_was_killed(1000, seed) for seed in (1, 2, 3)]
    with capsys.disabled():
        print("", *results, sep="\n")


@pytest.fixture(scope="module")
def by_hand():
    return tamper("hands")


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_sequences_that_were_changed_are_refused_by_all_that_follow_them(by_hand, kind):
    results = by_hand[kind]
    assert set(results.pop("nothing").values()) == {"used"}
    assert len(results) > 10
    for name, of_readers in results.items():
        for reader, result in of_readers.items():
            assert result.startswith(("ValueError: ", "TypeError: ")), (name, reader, result)
            assert any(word in result for word in ("offsets", "values.", "values has")), (
                name,
                reader,
                result,
            )


def test_models_that_were_changed_raise_or_are_used(by_hand):
    results = by_hand["model"]
    assert set(results.pop("nothing").values()) == {"used"}
    for name, of_uses in results.items():
        assert not any(result.startswith("killed") for result in of_uses.values()), (name, of_uses)
    for name in ("weights_, fewer", "weights_, NaN", "weights_, a string", "network_, larger"):
        assert all("weights_" in result for result in results[name].values()), results[name]
