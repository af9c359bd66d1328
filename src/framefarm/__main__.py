"""`python -m framefarm`, for where the `framefarm` script is not on the PATH."""

from framefarm.cli.running import main

main()
