"""`framefarm completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from framefarm.cli.groups import command as declare

VARIABLE = "_FRAMEFARM_COMPLETE"
_SHELLS = ("bash", "zsh", "fish")


@declare("completion", short_help="Print the shell's completion script.")
@click.argument("shell", metavar="bash|zsh|fish", type=click.Choice(_SHELLS))
def command(shell: str) -> None:
    """Print the script that makes the shell complete framefarm's commands.

    \b
    bash:  framefarm completion bash >> ~/.bashrc
    zsh:   framefarm completion zsh >> ~/.zshrc
    fish:  framefarm completion fish > ~/.config/fish/completions/framefarm.fish
    """  # noqa: D301  click is to see the character: it keeps the lines apart
    from framefarm.cli.app import app  # noqa: PLC0415  it lists this module

    kind = get_completion_class(shell)
    assert kind is not None
    # source() would start bash to ask for its version; the script is the same for all since 4.4.
    maker = kind(app, {}, "framefarm", VARIABLE)
    click.echo(maker.source_template % maker.source_vars())
