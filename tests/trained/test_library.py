import os

import pytest

from icereco.errors import IcerecoError
from icereco.trained.library import CARD, WEIGHTS, Library


def test_a_model_that_is_added_is_found_by_name(library, card, small_checkpoint):
    added = library.add(card, small_checkpoint)
    assert library.names() == ["small"]
    assert library.find("small") == added
    assert added.origin == "yours"
    assert added.weights().read_bytes() == small_checkpoint.read_bytes()
    assert [path.name for path in library.own.iterdir()] == ["small"]


def test_a_name_that_exists_is_refused_unless_it_is_to_be_replaced(library, card, small_checkpoint):
    library.add(card, small_checkpoint)
    better = card.model_copy(update={"summary": "a better one"})
    with pytest.raises(IcerecoError, match="--replace"):
        library.add(better, small_checkpoint)
    assert library.find("small").card.summary == card.summary
    library.add(better, small_checkpoint, replace=True)
    assert library.find("small").card.summary == "a better one"
    assert [path.name for path in library.own.iterdir()] == ["small"]


def test_nothing_is_left_of_a_model_that_cannot_be_written_whole(library, card, small_checkpoint):
    other = card.model_copy(update={"sha256": "0" * 64})
    with pytest.raises(IcerecoError, match="is not the file that its card describes"):
        library.add(other, small_checkpoint)
    assert list(library.own.iterdir()) == []


def test_a_model_that_comes_with_icereco_is_neither_replaced_nor_removed(built_in, card, small_checkpoint):
    assert built_in.find("small").origin == "built in"
    with pytest.raises(IcerecoError, match="comes with icereco"):
        built_in.add(card, small_checkpoint, replace=True)
    with pytest.raises(IcerecoError, match="comes with icereco, and is not removed; yours are: none"):
        built_in.remove("small")
    assert built_in.names() == ["small"]


def test_of_two_models_with_a_name_the_users_is_meant(tmp_path, built_in, card, small_checkpoint):
    """As when a newer version of icereco comes with a model of that name."""
    Library(tmp_path / "nothing", built_in.own).add(card, small_checkpoint)
    assert [model.origin for model in built_in.models()] == ["yours"]
    built_in.remove("small")
    assert [model.origin for model in built_in.models()] == ["built in"]


def test_an_unknown_name_suggests_the_nearest(library, card, small_checkpoint):
    with pytest.raises(IcerecoError, match="known: none yet; add one with: icereco models add"):
        library.find("small")
    library.add(card, small_checkpoint)
    for ask in (library.find, library.remove):
        with pytest.raises(IcerecoError, match="did you mean 'small'"):
            ask("smal")


def flipped(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [(flipped, "is damaged"), (os.remove, "cannot be read")],
    ids=["a flipped bit", "no file"],
)
def test_damaged_weights_say_what_to_do(built_in, card, small_checkpoint, spoil, words):
    built_in.add(card.model_copy(update={"name": "own"}), small_checkpoint)
    for name, remedy in (("small", "install icereco again"), ("own", "icereco models add PATH --name own")):
        spoil(built_in.find(name).folder / WEIGHTS)
        with pytest.raises(IcerecoError, match=words) as raised:
            built_in.find(name).weights()
        assert remedy in str(raised.value)


def test_a_damaged_card_is_left_out_of_the_list_with_a_message_and_its_model_can_be_removed(
    library, card, small_checkpoint
):
    for name in ("broken", "renamed", "whole"):
        library.add(card.model_copy(update={"name": name}), small_checkpoint)
    (library.own / "broken" / CARD).write_text("events = 1")
    (library.own / "renamed").rename(library.own / "other")
    problems = []
    assert [model.name for model in library.models(problems)] == ["whole"]
    assert len(problems) == 2
    assert "card of 'renamed', in the folder of a model 'other'" in problems[1]
    library.remove("broken")
    assert library.names() == ["other", "whole"]


def test_a_user_without_a_home_has_the_models_that_come_with_icereco(built_in, card, small_checkpoint):
    homeless = Library(built_in.built_in, None)
    assert homeless.names() == ["small"]
    with pytest.raises(IcerecoError, match="ICERECO_CONFIG"):
        homeless.add(card.model_copy(update={"name": "own"}), small_checkpoint)
