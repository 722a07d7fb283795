#!/usr/bin/env bash
# Layout, validity and tests of the Terraform configuration: infra/terraform_check.sh [REPOSITORY].
#
# With the registry's provider where `terraform init` can reach it. Where it cannot, with an offline
# checker, a program that takes the repository's folder: the one that TERRAFORM_OFFLINE_CHECK names,
# else ../shared/tools/terraform-offline/terraform-check beside this repository. No cloud account is
# needed in either case: the tests answer for Google.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
repository=$(cd "${1:-$here}" && pwd)
offline=${TERRAFORM_OFFLINE_CHECK:-$here/../shared/tools/terraform-offline/terraform-check}

say() { echo "terraform_check: $*" >&2; }

if ! command -v terraform >/dev/null; then
  say "terraform is not on PATH; version 1.9 or newer is needed"
  exit 1
fi

# On a copy, so that neither a lock file nor a provider stays in the repository.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
mkdir "$copy/shared"
cp "$repository/shared/catalog.json" "$copy/shared/"
cp -R "$repository/terraform" "$copy/"
rm -rf "$copy/terraform/.terraform" "$copy/terraform/.terraform.lock.hcl"
cd "$copy/terraform"

export CHECKPOINT_DISABLE=1 TF_IN_AUTOMATION=1
terraform fmt -check -recursive -diff

if terraform init -backend=false -input=false -no-color >"$copy/init.log" 2>&1; then
  terraform validate -no-color
  terraform test -no-color
  say "passed with the registry's provider"
elif [ -x "$offline" ]; then
  "$offline" "$repository"
  say "passed with the offline checker: the registry is out of reach"
else
  tail -n 12 "$copy/init.log" >&2
  say "the provider is out of reach, and there is no offline checker at $offline"
  say "give one in TERRAFORM_OFFLINE_CHECK, or a network that reaches the registry"
  exit 1
fi
