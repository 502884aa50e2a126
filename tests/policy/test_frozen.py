from dataclasses import FrozenInstanceError, dataclass, field, replace

import pytest

from kulanz.policy.frozen import evolve, frozen


@frozen
@dataclass(frozen=True, slots=True)
class Parcel:
    to: str
    weight: int = 1
    labels: dict[str, str] = field(default_factory=dict, kw_only=True)


def test_a_quick_value_is_made_of_the_same_parameters() -> None:
    assert Parcel("ada") == Parcel(to="ada", weight=1, labels={})
    assert replace(Parcel("ada", 2), labels={"fragile": "yes"}) == Parcel("ada", 2, labels={"fragile": "yes"})


def test_each_quick_value_has_a_default_of_its_own() -> None:
    assert Parcel("ada").labels is not Parcel("ada").labels


def test_a_changed_value_is_another_and_shares_the_rest() -> None:
    parcel = Parcel("ada", 2, labels={"fragile": "yes"})

    heavier = evolve(parcel, weight=3)

    assert (parcel.weight, heavier) == (2, Parcel("ada", 3, labels={"fragile": "yes"}))
    assert heavier.labels is parcel.labels
    with pytest.raises(AttributeError, match="colour"):
        evolve(parcel, colour="red")


def test_what_is_missing_or_unknown_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Parcel.__init__\(\) missing"):
        Parcel()
    with pytest.raises(TypeError, match="positional"):
        Parcel("ada", 1, {})


def test_a_quick_value_stays_frozen() -> None:
    parcel = Parcel("ada")

    with pytest.raises(FrozenInstanceError):
        parcel.weight = 2
