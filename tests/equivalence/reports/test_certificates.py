import json

import pytest

from equivalence.claims import REGISTRY
from equivalence.evidence import Instance, check, generated_instances, recheck
from equivalence.evidence.verdict import VACUOUS
from equivalence.reports.certificates import write_certificates
from mdps import InvalidArgument, OutOfReach

KNOWN = REGISTRY["discriminator_gradient_gap_to_gcl"]
UNKNOWN = REGISTRY["discriminator_gradient_eq_gcl_gradient"]


def verdicts(claim, levels=("field", "exact"), n=2):
    return [check(claim, instance, level) for instance in generated_instances(claim)[:n] for level in levels]


def test_a_file_a_verdict_that_the_checker_accepts(tmp_path):
    written = write_certificates(verdicts(KNOWN), tmp_path / "new" / "folder")
    assert [file.name for file in written.files] == [
        f"{KNOWN.name}-{level}-{number}.json" for number in range(2) for level in ("field", "exact")
    ]
    assert not written.without
    for file in written.files:
        recheck.check(json.loads(file.read_text()))
    assert written.text == f"4 certificates in {tmp_path / 'new' / 'folder'}"


def test_the_rest_is_named(tmp_path):
    written = write_certificates([*verdicts(UNKNOWN, ("exact",), 1), *verdicts(KNOWN, n=1)], tmp_path)
    assert len(written.files) == 2
    assert list(written.without) == [UNKNOWN.name]
    assert f"{UNKNOWN.name} (proved here)" in written.text


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(InvalidArgument, match="expected a folder"):
        write_certificates([], file)


def test_a_verdict_on_somebodys_implementation_has_no_certificate():
    [instance, *_] = generated_instances(REGISTRY["energy_gradient_of_discriminator_eq_gcl"])
    claim = REGISTRY["energy_gradient_of_discriminator_eq_gcl"]
    verdict = check(claim, instance, "exact", gcl_gradient=lambda *arguments: arguments[2])
    with pytest.raises(OutOfReach, match="not about the claim"):
        verdict.certificate()


def test_what_says_nothing_has_no_certificate():
    claim = REGISTRY["boltzmann_policy_eq_soft_policy"]
    instances = [make() for make in claim.witnesses.values()]
    verdict = check(claim, Instance(instances[0], "witness"), "exact")
    assert verdict.outcome == VACUOUS
    with pytest.raises(OutOfReach, match="no formula"):
        verdict.certificate()
