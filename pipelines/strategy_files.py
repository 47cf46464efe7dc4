"""Files among the strategies of an experiment: ``my_rules.py`` or ``my_rules.yaml`` stands for the rules in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tradesieve.features.factor import UserModule
from tradesieve.features.user_modules import ENDINGS, load_user_modules
from tradesieve.market.errors import BadInput
from tradesieve.strategies.parameter_text import split_top_level
from tradesieve.strategies.registry import rules_of


def with_loaded_modules(values: Mapping[str, Any]) -> dict[str, Any]:
    """Load the modules before the plan is made, which may name what they define.

    Returns
    -------
    The values, in which a file among the strategies, such as ``my_rules.py+trailing``, is one of the modules and stands
    for its rules, each with these modifiers.

    Raises
    ------
    BadInput : if a module cannot be loaded, or a file among the strategies defines no rule.
    """
    modules, strategies = values.get("modules") or [], values.get("strategies")
    if isinstance(strategies, str) and names_file(strategies):
        strategies = [strategies]
    if not _is_texts(modules):
        return dict(values)  # refused when it is validated
    # Strategies of a trade set are names; none is a file.
    texts: list[str] = list(strategies or ()) if _is_texts(strategies) and values.get("trades") is None else []
    paths = dict.fromkeys(split_top_level(text, "+")[0] for text in texts if names_file(text))
    named = {Path(module).with_suffix("") for module in modules}
    modules = [*modules, *(path for path in paths if Path(path).with_suffix("") not in named)]
    loaded = {module.name.rpartition(".")[2]: module for module in load_user_modules(modules)}
    if not paths:
        return dict(values)
    expanded = [rule for text in texts for rule in (_rules_in(text, loaded) if names_file(text) else [text])]
    whole: dict[str, Any] = {"num_strategies": None} if all(map(names_file, texts)) else {}
    return {**whole, **values, "strategies": expanded, "modules": modules}


def names_file(text: str) -> bool:
    """Tell whether a text among the strategies names the file of a module, with or without modifiers."""
    return split_top_level(text, "+")[0].endswith(ENDINGS)


def _rules_in(text: str, loaded: Mapping[str, UserModule]) -> list[str]:
    file, *modifiers = split_top_level(text, "+")
    rules = rules_of([loaded[Path(file).stem]])
    if not rules:
        raise BadInput(
            f"strategies: {file} defines no rule; write `from tradesieve import rule` and put @rule(lookback=50) "
            "before a function"
        )
    return ["+".join([rule, *modifiers]) for rule in rules]


def _is_texts(values: Any) -> bool:
    return isinstance(values, list | tuple) and all(isinstance(value, str) for value in values)
