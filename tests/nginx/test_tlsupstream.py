import pytest

from emulator.nginx.tlsupstream import matches


def certificate(*names, common="common.test"):
    return {
        "subject": ((("commonName", common),),),
        "subjectAltName": tuple(("DNS", name) for name in names),
    }


@pytest.mark.parametrize("name", ["a.test", "A.Test", "x.b.test"])
def test_an_alternative_name_fits(name):
    assert matches(certificate("a.test", "*.b.test"), name)


@pytest.mark.parametrize("name", ["common.test", "b.test", "x.y.b.test", "", "test", ".b.test"])
def test_another_name_does_not(name):
    assert not matches(certificate("a.test", "*.b.test", "*.test"), name)


def test_the_common_name_counts_where_there_is_no_other():
    assert matches(certificate(), "common.test")
    assert not matches({"subject": ()}, "common.test")
