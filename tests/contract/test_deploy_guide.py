"""
The commands of docs/deploy.md that can run here do, as they are written there.

`gcloud` is a stand-in that keeps what it is given; what needs a cloud account (terraform apply,
firebase, supabase, gcloud itself) is not run, and their lines are not looked at.
"""

from __future__ import annotations

import os
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from infra.logins import role_name, setting
from shared import catalog
from tests.databases import BACKEND, Databases

REPOSITORY = Path(__file__).parents[2]
GUIDE = (REPOSITORY / "docs" / "deploy.md").read_text(encoding="utf-8")
SECTIONS = {
    title.strip(): text
    for title, text in re.findall(r"^## \d+\. (.*?)\n(.*?)(?=^## |\Z)", GUIDE, re.S | re.M)
}
_GCLOUD = """#!/bin/bash
[ "$1 $2 $3" = "secrets versions add" ] || exit 9
cat >"$KEPT/$4"
"""


def blocks(section: str, language: str) -> list[str]:
    """Return the fenced blocks of a section."""
    return re.findall(rf"^```{language}\n(.*?)^```$", SECTIONS[section], re.S | re.M)


def run(script: str, **env: str) -> str:
    """Run a block with bash in the repository, as a reader does."""
    given = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **env}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=REPOSITORY, env=given,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_core_is_migrated_and_each_role_gets_a_login_that_goes_straight_into_its_secret(
    databases: Databases, tmp_path: Path
) -> None:
    migrating = blocks("Core PostgreSQL", "sh")[0].splitlines()
    command = next(line for line in migrating if "migrate core" in line)
    giving = next(block for block in blocks("Secrets", "sh") if "infra.logins" in block)
    tool = tmp_path / "gcloud"
    tool.write_text(_GCLOUD)
    tool.chmod(0o755)
    kept = tmp_path / "secrets"
    kept.mkdir()
    path = f"{tmp_path}:{os.environ['PATH']}"
    with databases.empty() as dsn:
        with psycopg.connect(dsn) as connection:
            connection.execute(BACKEND.read_bytes())
        assert "applied 0001_ledger.sql" in run(command, OWNER_DSN=dsn)
        assert run(command, OWNER_DSN=dsn).strip() == "nothing to apply"
        assert run(giving, OWNER_DSN=dsn, KEPT=str(kept), PATH=path) == ""
        for role in catalog.load().core_roles():
            login = conninfo_to_dict((kept / setting(role)).read_text())
            assert (login["host"], login["port"]) == ("POOLER", "6432")
            own = conninfo_to_dict(dsn) | {"user": role_name(role), "password": login["password"]}
            with psycopg.connect(**own) as connection:  # type: ignore[arg-type]
                assert connection.info.user == role_name(role)
    assert {path.name for path in kept.iterdir()} == {
        setting(role) for role in catalog.load().core_roles()
    }


def test_the_sql_for_supabase_says_whose_tokens_count_and_where_hints_go(
    databases: Databases,
) -> None:
    with databases.supabase() as dsn, psycopg.connect(dsn) as connection:
        connection.execute("delete from sync.trusted_issuers")
        for section in ("Supabase", "Webhook"):
            for block in blocks(section, "sql"):
                connection.execute(block.encode())
        kinds = connection.execute("select kind from sync.trusted_issuers order by 1").fetchall()
        assert kinds == [("firebase",), ("supabase",)]
        names = connection.execute(
            "select name from vault.decrypted_secrets order by name"
        ).fetchall()
        assert names == [("healbridge_webhook_secret",), ("healbridge_webhook_url",)]


@pytest.mark.parametrize("kind", ["prescription", "appointment"])
def test_what_only_core_holds_is_backfilled_by_the_guides_own_lines(
    databases: Databases, kind: str
) -> None:
    lines = [line for line in blocks("First backfill", "sh")[0].splitlines() if kind in line]
    assert lines
    with databases.core() as dsn:
        said = [run(line, CORE_DSN=dsn, GOOGLE_CLOUD_PROJECT="demo-test") for line in lines]
    assert "announced 0" in said[-1]


@pytest.mark.parametrize(
    "command",
    sorted(set(re.findall(r"^\./healbridge-sync ([a-z]+(?: (?:run|quote))?)", GUIDE, re.M))),
)
def test_every_operators_command_that_the_guide_names_explains_itself(command: str) -> None:
    assert "Usage:" in run(f"./healbridge-sync {command} --help")


@pytest.mark.parametrize("name", sorted(set(re.findall(r"python -m ([\w.]+)", GUIDE))))
def test_every_program_that_the_guide_names_is_there_and_explains_itself(name: str) -> None:
    assert find_spec(name) is not None
    assert "usage:" in run(f".venv/bin/python -m {name} --help")


def test_every_target_of_make_and_every_output_that_the_guide_names_is_there() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    for line in re.findall(r"(?:^|`)make ([a-z -]+)(?:`|$)", GUIDE, re.M):
        for target in line.split():
            assert f"\n{target}:" in makefile, target
    outputs = (REPOSITORY / "terraform" / "outputs.tf").read_text()
    for name in re.findall(r"terraform output (\w+)|output `(\w+)`", GUIDE):
        assert f'output "{name[0] or name[1]}"' in outputs


def test_the_guide_says_where_the_value_of_every_secret_comes_from() -> None:
    rows = re.findall(r"^\| (`.+?) \| .+ \|$", SECTIONS["Secrets"], re.M)
    named = {name for row in rows for name in re.findall(r"`([A-Z0-9_]+)`", row)}
    secrets = {secret for f in catalog.load().functions.values() for secret in f.secrets}
    roles = {setting(role) for role in catalog.load().core_roles()}
    assert named - roles == secrets - {"CORE_DSN"}
    assert named & roles  # an example of them


def test_backfilled_kinds_are_those_of_the_catalog() -> None:
    kinds = {topic["kind"] for topic in catalog.load().topics.values()}
    named = set(re.findall(r"healbridge-sync resync (?:run|quote) (\w+)", GUIDE))
    assert named
    assert named <= kinds


_IDENTITIES = """#!/bin/bash
case "$*" in
  "projects describe"*) echo 123 ;;
  *"services identity create"*|"projects add-iam-policy-binding"*) echo "$*" >>"$KEPT/said" ;;
esac
"""


def test_googles_own_identities_are_made_and_each_is_given_the_role_of_its_service(
    tmp_path: Path,
) -> None:
    tool = tmp_path / "gcloud"
    tool.write_text(_IDENTITIES)
    tool.chmod(0o755)
    block = blocks("Google Cloud project", "sh")[0]
    path = f"{tmp_path}:{os.environ['PATH']}"
    run(block, KEPT=str(tmp_path), PATH=path, PROJECT="p", REGION="r", BILLING="b")
    said = (tmp_path / "said").read_text()
    made = set(re.findall(r"identity create --service=(\w+)\.", said))
    given = dict(
        re.findall(r":service-123@([\w-]+)\.iam\S+ --role=roles/(\w+)\.serviceAgent", said)
    )
    encryption = (REPOSITORY / "terraform" / "encryption.tf").read_text()
    named = set(re.findall(r'^ +"([a-z-]+)", +#', encryption, re.M))
    # These two only use the key, if there is one.
    assert named - given.keys() == {"gcp-sa-secretmanager", "gs-project-accounts"}
    assert made - set(given.values()) == {"secretmanager"}
    assert given.keys() <= named
    assert set(given.values()) <= made


def test_what_the_guide_has_terraform_take_over_is_in_the_configuration() -> None:
    taken = re.findall(r"'(\w+)\.(\w+)\[\"(\w+)\"\]'", GUIDE)
    assert taken
    text = "".join(file.read_text() for file in (REPOSITORY / "terraform").glob("*.tf"))
    for kind, name, function in taken:
        assert f'resource "{kind}" "{name}"' in text
        assert function in catalog.load().functions


_TOKEN = """#!/bin/bash
[ "$1 $2" = "auth print-access-token" ] && echo access && exit
[ "$1 $2 $3" = "run services proxy" ] && echo "$4 $6" >"$KEPT" && exit
exit 9
"""
_IAM = """#!/bin/bash
printf '{\n  "token": "a.b-c.d_e"\n}\n'
"""


def test_the_status_page_is_opened_under_the_token_that_iam_made(tmp_path: Path) -> None:
    for name, text in (("gcloud", _TOKEN), ("curl", _IAM)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    path, kept = f"{tmp_path}:{os.environ['PATH']}", tmp_path / "kept"
    script = "\n".join(blocks("Who else may call", "sh"))
    run(script, KEPT=str(kept), PATH=path, URL="https://u", ACCOUNT="a", REGION="r")
    assert kept.read_text() == "sync-status --token=a.b-c.d_e\n"
