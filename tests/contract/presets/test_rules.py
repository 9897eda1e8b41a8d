"""What the rules of the shipped templates take out of the products' files, and what stays beside it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from support.presets import shipped
from supportbundle.model.template import parse_template
from supportbundle.plan.jmes import Meter, evaluate, parse
from supportbundle.sanitize import BUILTIN, Sanitizer
from supportbundle.sanitize.rules.custom import check

Shown = Callable[[Any], str]
AGENTS = ("coder", "coder-agent")
SECRET = "sesame-4711"


@cache
def sanitizer(template: str) -> Sanitizer:
    spec = parse_template({**shipped(template), "metadata": {"name": template, "uid": "x"}}).spec.sanitization
    return Sanitizer.build((), check(BUILTIN, spec.rules), keep_shape=spec.keep_shape)


def clean(template: str, path: str, data: bytes) -> bytes:
    stream = sanitizer(template).open(path)
    return stream.feed(data) + stream.finish()


def document(template: str, path: str, content: object) -> Any:
    """The same object, pretty or on one line."""
    pretty, short = (
        json.loads(clean(template, path, json.dumps(content, indent=indent).encode())) for indent in (4, None)
    )
    assert pretty == short
    return pretty


def joined(step: str, *entries: dict[str, Any]) -> str:
    """The text that a step of `coder` makes of the API's answer."""
    server = next(each for each in shipped("coder")["spec"]["collectors"] if each["name"] == "server")
    value = next(each["value"] for each in server["api"]["steps"] if each["name"] == step)
    return "".join(f"{line}\n" for line in evaluate(parse(value), list(entries), Meter()))


def started(text: str) -> str:
    """A script's output, as the file of its logs has it."""
    stamp = "2026-11-20T08:00:00Z"
    return joined(
        "startup_logs", *({"created_at": stamp, "level": "info", "output": line} for line in text.split("\n"))
    )


def built(text: str) -> str:
    """The same of a build."""
    entry = {"created_at": "2026-11-20T08:00:00Z", "log_level": "info", "log_source": "provisioner", "stage": "Plan x"}
    return joined("build_logs", *({**entry, "output": line} for line in text.split("\n")))


@pytest.mark.parametrize(
    "text",
    [
        f"kind: Secret\nstringData:\n  license: {SECRET}",
        f'{{\n  "password":\n  "{SECRET}"\n}}',
        f"password: |\n  {SECRET}",
        f"token:\n  {SECRET}",
    ],
)
def test_a_secret_over_several_lines_of_a_scripts_log_is_found(text: str) -> None:
    assert SECRET not in clean("coder", "agent/startup_logs.txt", started(text).encode()).decode()


@pytest.mark.parametrize("shown", [started, built])
def test_a_netrc_in_a_log_loses_its_password(shown: Callable[[str], str]) -> None:
    text = shown(f"machine git.example\nlogin bob\npassword {SECRET}\nlogin failed\nno user")
    assert clean("coder", "agent/startup_logs.txt", text.encode()).decode() == text.replace(
        SECRET, "<redacted:coder-netrc>"
    )


def test_an_entry_of_a_log_stays_whatever_part_of_it_is_missing() -> None:
    whole = {"created_at": "t", "log_level": "info", "log_source": "p", "stage": "s", "output": "o"}
    lines = joined("build_logs", whole, *({**whole, name: None} for name in whole), {}).splitlines()
    assert lines == [
        "t [info] p s o",
        " [info] p s o",
        "t [] p s o",
        "t [info]  s o",
        "t [info] p  o",
        "t [info] p s ",
        " []   ",
    ]
    assert joined("startup_logs", {"output": "o"}, {"level": "info"}) == " [] o\n [info] \n"


def test_secret_options_of_the_deployment_go_and_their_marks_stay() -> None:
    secret, plain = {"annotations": {"secret": "true"}}, {"annotations": {"secret": "false"}}
    options: list[dict[str, Any]] = [
        {"name": "AI", "env": "CODER_AIBRIDGE_OPENAI_KEY", "value": SECRET},
        {"name": "x", "env": "CODER_NOTIFICATIONS_EMAIL_AUTH_PASSWORD", "flag": "f", "value": [SECRET]},
        {"name": "x", "env": "CODER_X", **secret, "value": SECRET},
        {"name": "x", "env": "CODER_X", "value": SECRET, **secret},
        {"name": "x", "env": "CODER_ACCESS_URL", "value": "https://coder.example", **plain},
    ]
    bridge = {"openai": {"key": SECRET, "base_url": "u"}, "anthropic": {"key": SECRET}}
    found = document("coder", "deployment/config.json", {"config": {"ai": {"bridge": bridge}}, "options": options})
    assert SECRET not in json.dumps(found)
    assert found["config"]["ai"]["bridge"]["openai"]["base_url"] == "u"
    for before, after in zip(options, found["options"], strict=True):
        assert before | {"value": None} == after | {"value": None}
    assert found["options"][-1] == options[-1]


@pytest.mark.parametrize("name", ["environment_variables", "EnvironmentVariables", "environmentVariables"])
@pytest.mark.parametrize("template", AGENTS)
def test_variables_of_an_agent_lose_their_values_in_any_spelling(template: str, name: str) -> None:
    content = {name: {"GREETING": SECRET, "LIST": [SECRET], "DEEP": {"a": SECRET}}, "directory": "/home"}
    found = document(template, "agent/manifest.json", content)
    assert SECRET not in json.dumps(found)
    assert (list(found[name]), found["directory"]) == (["GREETING", "LIST", "DEEP"], "/home")


@pytest.mark.parametrize("template", AGENTS)
def test_variables_of_an_agent_go_from_its_log(template: str) -> None:
    manifest = f'[info] m="{{AgentID:1 EnvironmentVariables:map[GREETING:{SECRET} A:b] X:1}}"\n'
    log = manifest + f'environment_variables={{"A":"{SECRET}"}} x=1\n'
    found = clean(template, "agent/logs.txt", log.encode()).decode()
    assert SECRET not in found
    assert ("AgentID:1" in found, "X:1" in found, "x=1" in found) == (True, True, True)


def member(path: str, text: str) -> str:
    """What is left of a file of a template's source."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(path, text)
    with zipfile.ZipFile(io.BytesIO(clean("coder", "workspace/template_file.zip", packed.getvalue()))) as archive:
        return archive.read(path).decode()


def test_what_terraform_has_drawn_goes_from_its_state() -> None:
    attributes = {"result": SECRET, "bcrypt_hash": SECRET, "length": 16}
    state = {"resources": [{"type": "random_password", "instances": [{"attributes": attributes}]}]}
    found = member("terraform.tfstate", json.dumps(state))
    assert SECRET not in found
    assert json.loads(found)["resources"][0]["instances"][0]["attributes"]["length"] == 16


SOURCE = """
resource "coder_agent" "main" {
  os  = "linux"
  env = merge({ GREETING = "<secret>", "HOME" = data.x.home }, { MORE = upper("<secret>") })
  startup_script = <<-EOT
    export TOKEN=<secret>
  EOT
}
resource "coder_env" "greeting" {
  name  = "GREETING"
  value = "<secret>"
}
variable "licence" {
  default   = "<secret>"
  sensitive = true
}
data "coder_parameter" "p1" {
  default = "<secret>"
  name    = "Registry password"
}
resource "kubernetes_pod" "main" {
  spec {
    container {
      env {
        name  = "GREETING"
        value = "<secret>"
      }
    }
  }
}
resource "kubernetes_deployment" "main" {
  spec {
    template {
      init_container {
        env {
          name  = "GREETING"
          value = "<secret>"
        }
      }
    }
  }
}
resource "kubernetes_manifest" "main" {
  manifest = { spec = { containers = [{ env = [{ name = "GREETING", value = "<secret>" }] }] } }
}
resource "coder_metadata" "main" {
  item {
    key       = "login"
    value     = "<secret>"
    sensitive = true
  }
}
resource "docker_container" "workspace" {
  env  = ["GREETING=<secret>"]
  name = "coder-${data.coder_workspace.me.name}"
}
"""


def test_the_source_of_a_template_loses_values_of_variables_and_what_is_marked() -> None:
    found = member("main.tf", SOURCE.replace("<secret>", SECRET))
    assert SECRET not in found
    kept = (
        'os  = "linux"',
        '"HOME" = data.x.home',
        'name  = "GREETING"',
        'name = "coder-${data.coder_workspace.me.name}"',
    )
    for text in kept:
        assert text in found


@pytest.mark.parametrize(
    "attributes",
    [
        {"env": {"GREETING": SECRET}},
        {"name": "GREETING", "value": SECRET},
        {"spec": [{"container": [{"env": [{"name": "GREETING", "value": SECRET}]}]}]},
        {"item": [{"key": "login", "value": SECRET, "sensitive": True}]},
    ],
)
def test_a_state_of_terraform_loses_values(attributes: dict[str, Any]) -> None:
    state = {
        "outputs": {"git": {"value": SECRET, "type": "string", "sensitive": True}},
        "resources": [{"type": "x", "instances": [{"attributes": {**attributes, "os": "linux"}}]}],
    }
    found = member("terraform.tfstate", json.dumps(state))
    assert SECRET not in found
    parsed = json.loads(found)
    assert (parsed["outputs"]["git"]["type"], parsed["resources"][0]["instances"][0]["attributes"]["os"]) == (
        "string",
        "linux",
    )


def test_parameters_and_metadata_go_wherever_they_stand() -> None:
    entries = [{"name": "licence", "key": "k", "value": SECRET}]
    found = document("coder", "workspace/parameters.json", {"count": 1, "parameters": entries})
    assert (found["count"], found["parameters"][0]["name"]) == (1, "licence")
    assert SECRET not in json.dumps(found)
    for template in AGENTS:
        assert SECRET not in json.dumps(document(template, "agent/manifest.json", {"metadata": entries}))


def test_a_workspace_loses_what_its_applications_and_widgets_show() -> None:
    apps = [{"slug": "code", "url": f"http://localhost:13337/?folder=home&tkn={SECRET}"}]
    widgets = [{"description": {"key": "login"}, "result": {"value": SECRET, "error": ""}}]
    content = {"latest_build": {"resources": [{"agents": [{"apps": apps, "metadata": widgets}]}]}}
    (agent,) = document("coder", "workspace/workspace.json", content)["latest_build"]["resources"][0]["agents"]
    assert SECRET not in json.dumps(agent)
    assert agent["apps"][0]["url"].startswith("http://localhost:13337/?folder=home&tkn=<")
    version = {"job": {"input": {"user_variable_values": [{"name": "db", "value": SECRET}]}}}
    (variable,) = document("coder", "workspace/template_version.json", version)["job"]["input"]["user_variable_values"]
    assert variable == {"name": "db", "value": "<redacted:coder-template-variable>"}


def test_an_application_of_argo_cd_loses_parameters_of_plugins_and_patches() -> None:
    parameters = [
        {"name": "a", "string": SECRET},
        {"name": "b", "map": {"c": SECRET}},
        {"name": "d", "array": [SECRET]},
    ]
    patches = [{"target": {"kind": "Secret"}, "patch": f"- op: replace\n  path: /data/password\n  value: {SECRET}\n"}]
    source = {
        "repoURL": "https://git.example/x",
        "plugin": {"parameters": parameters},
        "kustomize": {"patches": patches},
    }
    content = {"kind": "Application", "spec": {"source": source, "sources": [source]}}
    content["status"] = {"history": [{"source": source}]}
    found = document("argocd", "argocd/a.json", content)
    assert SECRET not in json.dumps(found)
    assert [each["name"] for each in found["spec"]["sources"][0]["plugin"]["parameters"]] == ["a", "b", "d"]
    assert found["spec"]["source"]["kustomize"]["patches"][0]["target"] == {"kind": "Secret"}


UUID = "d3adbeef-1111-4222-8333-1234567890ab"
OLD = "s.AbCdEfGhIjKlMnOpQrStUvWx"
NEW = "hvs.CAESIabcdefghijklmnopqrstuvwxyz0123456789ABCD"


@pytest.mark.parametrize(
    ("template", "line", "secret"),
    [
        ("vault", f"Root Token (will not display again): {OLD}", OLD),
        ("vault", "Root Token (will not display again): root5dev", "root5dev"),
        ("vault", f"lookup of {OLD} failed", OLD),
        ("vault", f"lookup of {NEW} failed", NEW),
        ("consul", f"initial_management={UUID}", UUID),
        ("consul", f'initial_management = "{UUID}"', UUID),
        ("consul", f"agent token {UUID}", UUID),
    ],
)
def test_tokens_in_logs_of_servers_go(template: str, line: str, secret: str) -> None:
    found = clean(template, f"{template}.log", f"before {UUID[:8]}\n{line}\nafter\n".encode()).decode()
    assert secret not in found
    assert found.startswith(f"before {UUID[:8]}\n{line[:5]}")
    assert found.endswith("\nafter\n")


def test_the_seal_of_vault_loses_its_pin() -> None:
    content = {"seals": [{"type": "pkcs11", "config": {"pin": "4711", "slot": "0"}}]}
    (seal,) = document("vault", "config.json", content)["seals"]
    assert seal == {"type": "pkcs11", "config": {"pin": "<redacted:vault-seal-pin>", "slot": "0"}}
