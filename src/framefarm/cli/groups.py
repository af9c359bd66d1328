"""How commands are found and how their help looks.

click is used directly rather than through typer: typer 0.29 validates with pydantic, and a command
that does nothing then takes 0.28 s, of which click needs 0.06 s. `framefarm jobs` may take 0.30 s
in all.
"""

from __future__ import annotations

import importlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from framefarm.cli.failures import UsageFailure

WIDTH = 80
CONTEXT = {
    "help_option_names": ["-h", "--help"],
    "max_content_width": WIDTH,
    "show_default": False,
}

_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class CommandPlace:
    """Where a command is and what `--help` says of it, known without importing it."""

    module: str
    help: str
    section: str


class LazyGroup(click.Group):
    """A group that imports a command only when it is typed.

    Args:
        places: The commands in the order they are shown.
    """

    def __init__(self, *, places: Mapping[str, CommandPlace], **attributes: Any) -> None:
        super().__init__(**attributes)
        self._places = places

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands' names, in the order they are shown."""
        del ctx
        return list(self._places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None when there is none of that name."""
        del ctx
        place = self._places.get(cmd_name)
        if place is None:
            return None
        command = importlib.import_module(place.module).command
        return command if isinstance(command, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command typed, or say which one was probably meant."""
        if args and not args[0].startswith("-") and args[0] not in self._places:
            from difflib import get_close_matches  # noqa: PLC0415  only after a typing error

            close = get_close_matches(args[0], self._places, n=1)
            hint = f"; did you mean {close[0]}?" if close else f"; see: {ctx.command_path} --help"
            raise click.UsageError(f"there is no command {args[0]!r}{hint}")
        return super().resolve_command(ctx, args)

    def shell_complete(
        self, ctx: click.Context, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """Complete a command's name without importing all of them."""
        names = [
            click.shell_completion.CompletionItem(name, help=place.help)
            for name, place in self._places.items()
            if name.startswith(incomplete)
        ]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands under their sections' headings."""
        del ctx
        sections = defaultdict(list)
        for name, place in self._places.items():
            sections[place.section].append((name, place.help))
        widest = max(map(len, self._places))
        for section, rows in sections.items():
            with formatter.section(section):
                formatter.write_dl([(name.ljust(widest), text) for name, text in rows])


def goes_on(context: click.Context, *options: object) -> bool:
    """Whether a command was typed after a group that lists something when it is typed alone.

    Args:
        options: The group's own, as they were typed.

    Raises:
        UsageFailure: Some were typed before the command: they would be lost, and with `--url`
            another manager be asked.
    """
    command = context.invoked_subcommand
    if command is not None and any(options):
        raise UsageFailure(f"write the options after {command}")
    return command is not None


class SectionOption(click.Option):
    """An option shown under a heading of its own.

    Args:
        section: The heading.
    """

    def __init__(self, *args: Any, section: str = "Options", **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.section = section

    def get_help_extra(self, ctx: click.Context) -> click.types.OptionHelpExtra:
        """Leave out click's `[1<=x<=1024]`; who oversteps a limit is told it."""
        extra = super().get_help_extra(ctx)
        extra.pop("range", None)
        return extra


class SectionCommand(click.Command):
    """A command whose help sorts its options under headings."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, section by section, in the order they were declared."""
        sections = defaultdict(list)
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                sections[getattr(parameter, "section", "Options")].append(record)
        # click's own --help is the last one declared; it reads best at the end.
        sections["Options"] = sections.pop("Options", [])
        for section, rows in sections.items():
            with formatter.section(section):
                formatter.write_dl(rows, col_max=26)


def option(*names: str, section: str = "Options", **attributes: Any) -> Callable[[_F], _F]:
    """Declare an option under a heading; otherwise `click.option`."""
    return click.option(*names, cls=SectionOption, section=section, **attributes)


def command(
    name: str, *, short_help: str, numbers: bool = False
) -> Callable[[Callable[..., Any]], click.Command]:
    """Declare a command with FrameFarm's help.

    Args:
        name: What people type.
        short_help: What `framefarm --help` says of it.
        numbers: Whether an argument may be a negative number, such as a frame's.
    """
    settings = {**CONTEXT, "ignore_unknown_options": True} if numbers else CONTEXT
    return click.command(name, cls=SectionCommand, short_help=short_help, context_settings=settings)
