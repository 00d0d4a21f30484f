# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the parts of the documentation that repeat: bulk lists' suboptions, common return values, roles' variables.

    .venv/bin/python tools/docs.py [--check]

A generated part is the lines between two comments, `BEGIN NAME` and `END NAME`, in a plugin's documentation or a page.
The suboptions follow from the module's argument spec and from the documentation of the same options in the single form,
the tables of variables from the argument specs of the roles (tools/docs_roles.py).
With --check nothing is written: the differences are printed, and the exit status is 1 if there are any.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import yaml

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "plugins" / "modules"
COLLECTIONS = ROOT / ".venv" / "collections"
PLUGINS = "ansible_collections.netns.fabric.plugins"
WIDTH = 120

#: The return values of every module that changes the host.
RETURNED: Mapping[str, Mapping[str, Any]] = {
    "commands": {
        "description": "The equivalent shell commands, in order. Run in a shell on the same host before the call, they "
        "have the same result.",
        "returned": "success",
        "type": "list",
        "elements": "str",
    },
    "diff": {
        "description": "The objects that change, each with the attributes that change, before and after.",
        "returned": "success",
        "type": "list",
        "elements": "dict",
    },
}
#: What else a sequence returns when a step fails: the changes of the steps before it stay.
RETURNED_WHEN: Mapping[str, str] = {"sequence": "success, and failure of a step or probe"}


#: The options by which OVN selects packets by their protocol, in every rule that has them.
TRAFFIC: Mapping[str, str] = {
    "protocol": "The protocol. If omitted, any. V(icmp) is that of IPv4.",
    "ports": "The destination ports, and ranges such as V(8000-8100). If omitted, any. An empty list is an error.",
    "icmp_type": "The type of ICMP. If omitted, any.",
    "icmp_code": "The code of ICMP. If omitted, any.",
}


class Captured(Exception):
    """Carries what a module passes to AnsibleModule."""

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        super().__init__()
        self.arguments = arguments


# What a module declares


def load_arguments(module: str) -> Mapping[str, Any]:
    """Return the keyword arguments that a module's main() passes to AnsibleModule."""
    from ansible.module_utils.basic import AnsibleModule

    def capture(_self: object, **arguments: Any) -> None:
        raise Captured(arguments)

    main = importlib.import_module(f"{PLUGINS}.modules.{module}").main
    with mock.patch.object(AnsibleModule, "__init__", capture):
        try:
            main()
        except Captured as captured:
            return captured.arguments
    raise RuntimeError(f"the module {module} does not use AnsibleModule")


def load_options(text: str) -> dict[str, Any]:
    """Return the documented options of a module's file, those of its documentation fragments included.

    Raises:
        ValueError: It has no documentation.
    """
    found = re.search(r'^DOCUMENTATION = r"""(.*?)^"""', text, re.DOTALL | re.MULTILINE)
    if found is None:
        raise ValueError("there is no DOCUMENTATION")
    documented = yaml.safe_load(found[1])
    options: dict[str, Any] = {}
    for name in documented.get("extends_documentation_fragment", ()):
        file, _dot, part = name.removeprefix("netns.fabric.").partition(".")
        fragment = importlib.import_module(f"{PLUGINS}.doc_fragments.{file}").ModuleDocFragment
        options.update(yaml.safe_load(getattr(fragment, part.upper() or "DOCUMENTATION"))["options"])
    return {**options, **documented["options"]}


def find_bulk_list(spec: Mapping[str, Any]) -> str | None:
    """Return the option of an argument spec that is a list of entries with the options of the single form."""
    for name, option in spec.items():
        entry = set(option.get("options", ()))
        if option.get("elements") == "dict" and entry and entry <= set(spec):
            return name
    return None


# What is generated


def describe_list(name: str, spec: Mapping[str, Any], documented: Mapping[str, Any]) -> dict[str, Any]:
    """Return the documentation of the bulk list `name`."""
    return {
        "description": [
            f"Several {name} in one call. Each entry takes the options of the single form.",
            "Mutually exclusive with the options of the single form.",
        ],
        "type": "list",
        "elements": "dict",
        "suboptions": describe_suboptions(spec[name]["options"], documented),
    }


def describe_suboptions(spec: Mapping[str, Any], documented: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the documentation of an entry's options: the first sentence of the single form's, and a link to it.

    Raises:
        ValueError: The single form of an option has no documentation.
    """
    undocumented = sorted(set(spec) - set(documented))
    if undocumented:
        raise ValueError(f"these options have no documentation: {', '.join(prefix + name for name in undocumented)}")
    return {name: describe_suboption(option, documented[name], f"{prefix}{name}") for name, option in spec.items()}


def describe_suboption(option: Mapping[str, Any], documented: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return the documentation of one suboption, which the single form documents as `path`."""
    described: dict[str, Any] = {"description": f"{first_sentence(documented['description'])} See O({path})."}
    described.update({key: option[key] for key in ("type", "elements", "choices", "default") if key in option})
    if option.get("required"):
        described["required"] = True
    if "options" in option:
        inner = f"{path}[]." if option.get("type") == "list" else f"{path}."
        described["suboptions"] = describe_suboptions(option["options"], documented["suboptions"], inner)
    return described


#: By the module: what an option `kind` says of the object, and what holds for the options of a kind.
KINDS_OF: Mapping[str, tuple[Sequence[str], str, Sequence[str]]] = {
    "link": (
        ["The kind of the link, which is created if it does not exist.", "If omitted, the link must exist."],
        "The options of a link of the kind",
        ["What is omitted is left unchanged."],
    ),
    "qdisc": (
        [
            "The kind of the qdisc. Required with O(state=present).",
            "With O(state=absent), V(ingress) is about what arrives, and any other value, or none, about what leaves.",
        ],
        "The options of a qdisc of the kind",
        ["What is omitted has the kernel's default."],
    ),
}


def describe_kinds(module: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the documentation of the option `kind`, and of the options of each kind, as the kinds' rows have it."""
    # Found once sys.path is set.
    from ansible_collections.netns.fabric.plugins.module_utils._kernel.kinds import KINDS
    from ansible_collections.netns.fabric.plugins.module_utils._kernel.qdisc_kinds import QDISC_KINDS

    tables: Mapping[str, Mapping[str, Any]] = {"link": KINDS, "qdisc": QDISC_KINDS}
    rows = [tables[module][name] for name in spec["kind"]["choices"]]
    about, start, remarks = KINDS_OF[module]
    described: dict[str, Any] = {
        "kind": {
            "description": [
                *about,
                *(f"V({row.name}): {row.description}" for row in rows),
            ],
            "type": "str",
            "choices": spec["kind"]["choices"],
        }
    }
    for row in rows:
        if row.spec:
            described[row.name] = {
                "description": [
                    f"{start} V({row.name}).",
                    *remarks,
                ],
                "type": "dict",
                "suboptions": {each.name: _describe_attribute(each, module) for each in row.attributes},
            }
    return described


def _describe_attribute(attribute: Any, noun: str) -> dict[str, Any]:
    notes = [
        *(["It is required."] if attribute.required else []),
        *([f"The default of the kernel is V({_in_yaml(attribute.default)})."] if attribute.default is not None else []),
        *([] if attribute.in_place else [f"A change of it re-creates the {noun}."]),
    ]
    described: dict[str, Any] = {"description": [attribute.description, *notes] if notes else attribute.description}
    described.update({key: attribute.spec[key] for key in ("type", "elements", "choices") if key in attribute.spec})
    if "options" in attribute.spec:
        described["suboptions"] = {
            name: {
                "description": attribute.details[name],
                **{key: option[key] for key in ("type", "elements", "required") if key in option},
            }
            for name, option in attribute.spec["options"].items()
        }
    return described


def describe_traffic() -> dict[str, Any]:
    """Return the documentation of the options by which OVN selects packets by their protocol."""
    # Found once sys.path is set.
    from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.matches import TRAFFIC_OPTIONS

    return {name: {"description": TRAFFIC[name], **option} for name, option in TRAFFIC_OPTIONS.items()}


def _in_yaml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def first_sentence(description: str | Sequence[str]) -> str:
    """Return the first sentence of a description."""
    text = description if isinstance(description, str) else description[0]
    found = re.match(r".+?[.](?=\s|$)", text, re.DOTALL)
    return found.group() if found else text


def describe_returned(module: str, name: str) -> dict[str, Any]:
    """Return the documentation of a common return value, without its sample."""
    return {**RETURNED[name], "returned": RETURNED_WHEN.get(module, RETURNED[name]["returned"])}


# As YAML


def format_mapping(mapping: Mapping[str, Any], indent: int) -> Iterator[str]:
    """Yield the lines of a mapping as YAML, indented and wrapped."""
    for key, value in mapping.items():
        start = f"{' ' * indent}{key}:"
        if isinstance(value, Mapping):
            yield start
            yield from format_mapping(value, indent + 2)
        elif key == "description" and not isinstance(value, str):
            yield start
            for item in value:
                yield from format_text(f"{' ' * indent}  - ", item, indent + 4)
        elif key == "description":
            yield from format_text(f"{start} ", value, indent + 2)
        else:
            yield from format_value(start, value, indent + 2)


def format_text(start: str, text: str, indent: int) -> list[str]:
    """Return a text as a YAML scalar after `start`: plain if possible, otherwise in single quotes."""
    return textwrap.wrap(
        text if is_plain(text) else "'" + text.replace("'", "''") + "'",
        WIDTH,
        initial_indent=start,
        subsequent_indent=" " * indent,
        break_on_hyphens=False,
        break_long_words=False,
    )


def is_plain(text: str) -> bool:
    """Whether a text is a YAML scalar without quotes."""
    try:
        return bool(yaml.safe_load(f"- {text}") == [text])
    except yaml.YAMLError:
        return False


def format_value(start: str, value: Any, indent: int) -> list[str]:
    """Return a scalar or a list of scalars as YAML after `start`, on one line if it fits."""
    line = f"{start} {dump(value)}"
    if len(line) <= WIDTH or not isinstance(value, list):
        return [line]
    return [start, *(f"{' ' * indent}- {dump(item)}" for item in value)]


def dump(value: Any) -> str:
    """Return a value as YAML in the flow style."""
    return yaml.safe_dump(value, default_flow_style=True, width=float("inf")).removesuffix("...\n").strip()


# In the files


def replace_block(text: str, name: str, described: Mapping[str, Any]) -> str:
    """Return the text with a new block `name`.

    Raises:
        ValueError: The text has no such block.
    """
    begin, end = f"# BEGIN {name} (generated by tools/docs.py)", f"# END {name}"
    pattern = re.compile(
        rf"^(?P<indent> *){re.escape(begin)}\n.*?^(?P=indent){re.escape(end)}\n", re.DOTALL | re.MULTILINE
    )
    found = pattern.search(text)
    if found is None:
        raise ValueError(f"there is no block between the lines `{begin}` and `{end}`; add the two lines")
    indent = found["indent"]
    lines = [f"{indent}{begin}", *format_mapping(described, len(indent)), f"{indent}{end}"]
    return text[: found.start()] + "\n".join(lines) + "\n" + text[found.end() :]


def generate(module: str, text: str) -> str:
    """Return the text of a module's file with its generated blocks.

    Raises:
        ValueError: A block or the documentation of an option is missing.
    """
    spec = load_arguments(module)["argument_spec"]
    if re.search(r"^ *# BEGIN kinds ", text, re.MULTILINE):
        text = replace_block(text, "kinds", describe_kinds(module, spec))
    if re.search(r"^ *# BEGIN traffic ", text, re.MULTILINE):
        text = replace_block(text, "traffic", describe_traffic())
    bulk_list = find_bulk_list(spec)
    if bulk_list:
        text = replace_block(text, bulk_list, describe_list(bulk_list, spec, load_options(text)))
    for name in RETURNED:
        if re.search(rf"^{name}:$", text, re.MULTILINE):
            text = replace_block(text, name, describe_returned(module, name))
    return text


def difference(name: str, text: str, generated: str) -> str:
    """Return the difference between the text of a file and what is generated."""
    return "".join(difflib.unified_diff(text.splitlines(True), generated.splitlines(True), name, f"{name} (generated)"))


def generated_files() -> Iterator[tuple[Path, Callable[[str], str]]]:
    """Yield the files with generated parts, each with the function that generates them in its text."""
    from ansible_collections.netns.fabric.tools import docs_roles  # found once main() has set sys.path

    for path in sorted(MODULES.glob("*.py")):
        yield path, partial(generate, path.stem)
    for name in docs_roles.PAGES:
        yield ROOT / name, partial(docs_roles.generate_page, name)


def main(arguments: Sequence[str]) -> int:
    """Write or check all files; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, print the differences")
    check = parser.parse_args(arguments).check
    sys.path.insert(0, str(COLLECTIONS))
    changed = 0
    for path, generate_text in generated_files():
        text = path.read_text(encoding="utf-8")
        name = str(path.relative_to(ROOT))
        try:
            generated = generate_text(text)
        except ValueError as error:
            raise SystemExit(f"{name}: {error}") from None
        if generated == text:
            continue
        changed += 1
        if check:
            print(difference(name, text, generated))
        else:
            path.write_text(generated, encoding="utf-8")
            print(f"written: {name}")
    if check and changed:
        print("\nThe generated documentation is out of date; run `make docs`.")
    return 1 if check and changed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
