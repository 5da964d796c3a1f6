# shellcheck shell=bash
# How ./quickstart and ./test install what they need. Sourced, with the checkout as working folder.

export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

# install_packages LIST...: the Debian packages of these lists, where they are missing.
install_packages() {
  local package missing=() command answer
  if ! command -v dpkg-query >/dev/null; then
    echo "This script installs packages on Debian and Ubuntu alone; the lists are: $*" >&2
    exit 1
  fi
  while read -r package; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done < <(grep -hv '^#' "$@")
  [ ${#missing[@]} -gt 0 ] || return 0

  command="apt-get install -y --no-install-recommends ${missing[*]}"
  if [ "$(id -u)" = 0 ]; then
    run_apt
  else
    echo "Missing packages: sudo $command"
    [ -t 0 ] || exit 1
    read -r -p "Run it now? [y/N] " answer
    [[ $answer == [yY]* ]] || exit 1
    run_apt sudo
  fi
}

# Services of the host are not restarted for us (needrestart), and another apt is waited for.
run_apt() {
  echo "Installing ${missing[*]}"
  local apt=("$@" env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l apt-get -qq -o DPkg::Lock::Timeout=300)
  "${apt[@]}" update
  "${apt[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null >/dev/null
}

# install_goldsmith LIST: goldsmith and requirements/LIST.txt in .venv, unless nothing changed since.
install_goldsmith() {
  local list=$1 stamp=.venv/installed-$1 state python
  if ! .venv/bin/python -c 'import pip' 2>/dev/null; then
    python=$(find_python)
    "$python" -m venv --clear .venv
  fi
  state=$(pwd; sha256sum pyproject.toml build_agent.py requirements/*.txt src/goldsmith/guests/agent/*.[ch])
  [ "$state" != "$(cat "$stamp" 2>/dev/null)" ] || return 0

  echo "Installing goldsmith into .venv"
  .venv/bin/python -m pip install -q --require-hashes -r "requirements/$list.txt" -r requirements/build.txt
  install_checkout
  echo "$state" >"$stamp"
}

# Editable, so that what runs is the checkout. The agent's compiler is large and seldom needed: it
# comes for one build only, when the build asks for it.
install_checkout() {
  local ask='from hatchling.build import get_requires_for_build_wheel as needs; print(*needs())'
  local compiler=$PWD/.venv/compiler needed
  needed=$(.venv/bin/python -c "$ask")
  rm -rf "$compiler"
  if [ -n "$needed" ]; then
    echo "Compiling the guest agent, which takes a minute or two the first time"
    .venv/bin/python -m pip install -q --require-hashes --target "$compiler" -r requirements/compiler.txt
  fi
  PYTHONPATH=$compiler .venv/bin/python -m pip install -q --no-build-isolation --no-deps --editable .
  rm -rf "$compiler"
}

find_python() {
  local python
  for python in python3 /usr/bin/python3; do
    if "$python" -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$python"
      return
    fi
  done
  echo "goldsmith takes Python 3.11 or newer with its venv module: Debian 12, Ubuntu 24.04 or newer" >&2
  exit 1
}
