"""Tokens of code hosts, continuous integration and package registries."""

from __future__ import annotations

from typing import Final

from .issued import ALNUM, BASE64, HEX, LOWER, UPPER, URL64, issued, of_class
from .records import Hit, PatternRule

CODE: Final = (
    issued("github-token", "GitHub", "gh[pousr]_", ALNUM, 36, start="gh" + "p_"),
    issued("github-pat", "GitHub", "github_pat_", r"\w", 22, start="github" + "_pat_"),
    issued(
        "gitlab-token",
        "GitLab",
        "gl(?:pat|dt|rt|rtr|cbt|ptt|oas|soat|ft|ffct|imt|agent|wt)-",
        r"[\w\-.]",
        20,
        start="gl" + "pat-",
    ),
    issued("gitlab-token", "GitLab runners", "GR1348941", URL64, 20, start="GR13" + "48941"),
    issued("atlassian-token", "Atlassian", "ATATT3|ATCTT3", r"[\w=\-]", 24, start="ATA" + "TT3"),
    issued("atlassian-token", "Bitbucket", "ATBB", ALNUM, 28, start="AT" + "BB"),
    issued("atlassian-token", "Atlassian OAuth", "ATOA", URL64, 40, start="AT" + "OA"),
    issued("circleci-token", "CircleCI", "CCIPAT_|CCIPRJ_", r"\w", 40, start="CCI" + "PAT_"),
    issued("buildkite-token", "Buildkite", "bk(?:ua|pat|ct)_", ALNUM, 36, start="bk" + "ua_"),
    issued("sourcegraph-token", "Sourcegraph", "sgp_", r"\w", 40, start="sgp_"),
    issued("sonar-token", "SonarQube", "sq[upa]_", HEX, 40, start="squ_"),
    issued("octopus-key", "Octopus Deploy", "API-", UPPER, 26, start="API-", tail=r"\b"),
    issued("harness-token", "Harness", r"[ps]at\.", r"[\w\-.]", 60, start="pat."),
    issued("npm-token", "npm", "npm_", ALNUM, 36, start="npm_", tail=r"\b"),
    issued("pypi-token", "PyPI", "pypi-AgE", URL64, 16, start="pypi-" + "AgE"),
    issued("rubygems-key", "RubyGems", "rubygems_", HEX, 48, start="ruby" + "gems_"),
    issued("clojars-token", "Clojars", "CLOJARS_", LOWER, 60, start="CLO" + "JARS_"),
    issued("nuget-key", "NuGet", "oy2", LOWER, 43, start="oy2", tail=r"\b"),
    issued("cargo-token", "crates.io", "cio", ALNUM, 32, start="cio", tail=r"\b"),
    issued("artifactory-key", "Artifactory", "AKCp", ALNUM, 60, start="AK" + "Cp"),
    issued("artifactory-key", "Artifactory", "cmVmd", ALNUM, 59, start="cm" + "Vmd"),
    issued("dockerhub-token", "Docker Hub", "dckr_(?:pat|oat)_", URL64, 20, start="dckr" + "_pat_"),
    issued("postman-key", "Postman", "PMAK-", r"[0-9a-f\-]", 50, start="PM" + "AK-"),
    issued("prefect-token", "Prefect", "pn[ub]_", ALNUM, 36, start="pnu_"),
    issued("doppler-token", "Doppler", r"dp\.(?:pt|st|ct|scim|sa|audit)\.", r"[\w.\-]", 40, start="dp.pt."),
    issued("infracost-key", "Infracost", "ico-", ALNUM, 32, start="ico-", tail=r"\b"),
    issued("readme-key", "ReadMe", "rdme_", LOWER, 60, start="rdme_"),
    issued("1password-token", "1Password", "ops_eyJ", BASE64, 100, start="ops_" + "eyJ"),
    PatternRule(
        name="1password-key",
        reason="The secret key of a 1Password account.",
        trigger=r"A3-[A-Z0-9]{6}-[A-Z0-9]{5}",
        pattern=r"A3-(?P<secret>[A-Z0-9]{6}-[A-Z0-9]{5,6}(?:-[A-Z0-9]{5}){3,4})\b",
        hits=(Hit("key A3-" + "ASWWYB-798JRY-LJVD4-23DC2-86TVM-H43EB", "798JRY-LJVD4"),),
        lookalikes=("A3-PAPER1-TRAYS",),
    ),
    issued("age-key", "age", "AGE-SECRET-KEY-1|AGE-PLUGIN-[A-Z0-9]{1,20}-1", UPPER, 36, start="AGE-SECRET-" + "KEY-1"),
    PatternRule(
        name="maxmind-key",
        reason="A licence key of MaxMind ends with its mark.",
        trigger=r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk",
        pattern=r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk\b",
        hits=(Hit("x " + of_class(ALNUM, 6) + "_" + of_class(ALNUM, 29) + "_mmk", of_class(ALNUM, 29)),),
        lookalikes=("a_mmk",),
    ),
)
