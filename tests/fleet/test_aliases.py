import pytest

from galerne.fleet.aliases import FAMILIES, STAND_INS, cloud_aliases


def named(alias, *model_ids):
    return next((model for model, names in cloud_aliases(model_ids).items() if alias in names), None)


@pytest.mark.parametrize(
    ("alias", "installed", "meant"),
    [
        ("mistral-small-latest", ("ministral-3-3b", "mistral-small-3.2-24b"), "mistral-small-3.2-24b"),
        (
            "mistral-small-latest",
            ("mistral-small-3.1-24b", "mistral-small-4-119b", "mistral-small-3.2-24b"),
            "mistral-small-4-119b",
        ),
        ("magistral-small-latest", ("magistral-small-2507", "magistral-small-2509"), "magistral-small-2509"),
        ("ministral-3b-latest", ("ministral-3-3b", "ministral-3-8b"), "ministral-3-3b"),
        ("ministral-8b-latest", ("ministral-8b-2410", "ministral-3-3b"), "ministral-8b-2410"),
        ("mistral-small-latest", ("galerne-mini", "ministral-3-3b"), "galerne-mini"),
        ("codestral-latest", ("galerne-mini",), None),
        ("codestral-latest", ("galerne-mini", "codestral-22b"), "codestral-22b"),
        ("mistral-small-latest", (), None),
        (
            "ministral-3b-latest",
            ("galerne-mini", "Ministral-3-3B-Instruct-2512-Q4_K_M"),
            "Ministral-3-3B-Instruct-2512-Q4_K_M",
        ),
    ],
)
def test_a_cloud_name_means_what_is_installed(alias, installed, meant):
    assert named(alias, *installed) == meant


def test_a_name_means_one_model():
    told = cloud_aliases(("galerne-mini", "mistral-small-3.2-24b", "devstral-small-2-24b"))
    names = [name for model in told.values() for name in model]
    assert len(names) == len(set(names))
    assert set(FAMILIES) >= STAND_INS
