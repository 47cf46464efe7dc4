"""Help pages on one screen: options in panels, and options that share a sentence on one line.

A group called alone prints its help and ends well, and an option that another command has is refused with its name.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import click

OPTIONS = "Options"
"""The panel of a command's own options."""
_WIDEST_NAMES = 33


class PanelOption(click.Option):
    """An option in a panel of the help page.

    Parameters
    ----------
    panel : its heading.
    """

    def __init__(self, *args: Any, panel: str = OPTIONS, **options: Any) -> None:
        super().__init__(*args, **options)
        self.panel = panel


def option_in(panel: str) -> partial[Any]:
    """Return `click.option` for the options of a panel."""
    return partial(click.option, cls=PanelOption, panel=panel)


class HelpPage(click.Command):
    """A command whose help lists its options by panel."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the panels, the command's own first; consecutive options with the same help share a line."""
        panels: dict[str, list[click.Option]] = {OPTIONS: []}
        for parameter in self.get_params(ctx):
            if isinstance(parameter, click.Option) and not parameter.hidden:
                panels.setdefault(getattr(parameter, "panel", OPTIONS), []).append(parameter)
        formatter.write_paragraph()
        for panel, options in panels.items():
            formatter.write_heading(panel)
            with formatter.indentation():
                formatter.write_dl(list(_lines(options, ctx)), col_max=_WIDEST_NAMES)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; of an option that belongs to other commands, name those."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            name = error.option_name
            owners = _owners(name, ctx.find_root().command)
            if not owners or {f"{name}s", name.removesuffix("s")} & set(error.possibilities or ()):
                raise
            raise click.UsageError(
                f"{name} changes nothing here: it is an option of {', '.join(owners)}", ctx
            ) from error


class HelpGroup(click.Group):
    """A group that prints its help when it is called alone."""

    command_class = HelpPage

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; without any, print the help and end with exit code 0."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), color=ctx.color)
            ctx.exit()
        return super().parse_args(ctx, args)


def walk_commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command below a group with its path, groups before their commands."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None:
            yield (*path, name), command
            if isinstance(command, click.Group):
                yield from walk_commands(command, (*path, name))


def _owners(option: str, root: click.Command) -> list[str]:
    """Return the commands that have an option, in backquotes."""
    every = walk_commands(root) if isinstance(root, click.Group) else ()
    return [f"`{' '.join(path)}`" for path, command in every if any(option in each.opts for each in command.params)]


def _lines(options: list[click.Option], ctx: click.Context) -> Iterator[tuple[str, str]]:
    """Yield names and help of each line."""
    names: list[str] = []
    for option, following in zip(options, [*options[1:], None], strict=True):
        record = option.get_help_record(ctx)
        if record is None:
            continue
        if following is not None and option.help and following.help == option.help:
            names.append(_shown_name(option))
            continue
        # Of several options on a line, the last one shows what all of them take.
        metavar = "" if option.is_flag or option.count else f" {option.make_metavar(ctx)}"
        yield ", ".join([*names, _shown_name(option)]) + metavar, record[1]
        names = []


def _shown_name(option: click.Option) -> str:
    """Return the names of an option; of a singular beside its plural, such as --timeframe, the plural."""
    return ", ".join(name for name in option.opts if f"{name}s" not in option.opts)
